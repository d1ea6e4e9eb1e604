"""Settings of a worker process: wrong ones are refused with one line that names the variable."""

import pytest

from activities.service import read_settings
from worker_manager.errors import ConfigInvalid


def test_settings_come_from_variables_and_others_are_left_alone():
    settings = read_settings({"WM_DEPLOYMENT": "blue", "WM_INVENTORY_SECONDS": "0.5", "HOME": "/nowhere"})
    assert ("blue", 0.5, "providers.yml") == (settings.deployment, settings.inventory_seconds, settings.providers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WM_METRICS", "9464"),
        ("WM_LOG_FORMAT", "xml"),
        ("WM_LOG_LEVEL", "LOUD"),
        ("WM_DEPLOYMENT", "a/b"),
        ("WM_DEPLOYMENT", ""),
        ("WM_INVENTORY_SECONDS", "0"),
        ("WM_INVENTORY_SECONDS", "soon"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name, value):
    with pytest.raises(ConfigInvalid, match=f"setting {name}: .*{value!r}"):
        read_settings({name: value})
