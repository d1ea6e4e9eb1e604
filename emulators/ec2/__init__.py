"""An emulated EC2: what our layer does itself (instances, their tags), and moto for all the rest."""

from emulators.ec2.server import Ec2Emulator as Ec2Emulator
