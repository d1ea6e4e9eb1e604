"""The workers of one worker type: who gets which job, what is lost with an instance, and who takes no more."""

from datetime import timedelta

from tests.simulation.words import START
from worker_manager.simulation.clock import Agenda, Rank
from worker_manager.simulation.workers import Jobs, Level


def after(seconds):
    return START + timedelta(seconds=seconds)


def run(agenda, until):
    while agenda.next_at is not None and agenda.next_at <= until:
        agenda.do_next()


def queue():
    agenda = Agenda()
    return agenda, Jobs(agenda, lambda _: None)


def test_looks_come_after_what_happens_at_the_same_moment():
    agenda, done = Agenda(), []
    agenda.at(START, lambda _: done.append("look"), Rank.LOOK)
    agenda.at(START, lambda _: done.append("first"))
    agenda.at(START, lambda _: done.append("second"))
    run(agenda, START)
    assert ["first", "second", "look"] == done


def test_a_worker_takes_as_many_jobs_as_it_has_slots():
    agenda, jobs = queue()
    jobs.join("i-1", 2, START)
    jobs.arrive(3, 60.0, START)
    assert (2, 1, ()) == (jobs.running, jobs.waiting, jobs.idle())
    run(agenda, after(60))
    assert (1, 0, ()) == (jobs.running, jobs.waiting, jobs.idle())
    run(agenda, after(120))
    assert (("i-1",), 3) == (jobs.idle(), jobs.tally.finished)
    assert [0, 0, 60] == list(jobs.tally.waits)


def test_what_runs_on_a_lost_instance_begins_again_before_all_others():
    agenda, jobs = queue()
    jobs.join("i-1", 1, START)
    jobs.arrive(1, 100.0, START)
    jobs.arrive(1, 10.0, START)
    jobs.leave("i-1", after(50))
    jobs.leave("i-1", after(50))
    assert (0, 2, 1, 0) == (jobs.running, jobs.waiting, jobs.tally.lost, jobs.slots)
    jobs.join("i-2", 1, after(60))
    run(agenda, after(159))
    assert 0 == jobs.tally.finished
    run(agenda, after(170))
    assert 2 == jobs.tally.finished
    assert [0, 160] == list(jobs.tally.waits)


def test_a_draining_worker_finishes_and_takes_no_more_until_it_is_let():
    agenda, jobs = queue()
    jobs.join("i-1", 1, START)
    jobs.arrive(2, 60.0, START)
    jobs.drain(frozenset({"i-1"}), START)
    run(agenda, after(60))
    assert (0, 1, ("i-1",)) == (jobs.running, jobs.waiting, jobs.idle())
    jobs.drain(frozenset(), after(90))
    assert (1, 0, ()) == (jobs.running, jobs.waiting, jobs.idle())


def test_a_level_keeps_those_busy_that_joined_first_and_do_not_drain():
    level = Level(lambda _: None)
    for name in ("i-1", "i-2", "i-3"):
        level.join(name, 2, START)
    level.set(3, START)
    assert (3, 0, ("i-3",)) == (level.running, level.waiting, level.idle())
    level.drain(frozenset({"i-1"}), START)
    assert ("i-1",) == level.idle()
    level.leave("i-2", START)
    level.set(5, START)
    assert (4, 1, ()) == (level.running, level.waiting, level.idle())
