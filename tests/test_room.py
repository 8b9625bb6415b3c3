"""What a training run takes of the machine is left to it."""

from live import eventually
from training_runs import Begin, ended

from writer_r1.room import TakenCores
from writer_r1.training import job


def test_the_cores_of_a_run_are_taken_for_as_long_as_it_trains(begin_run: Begin) -> None:
    taken = TakenCores()
    assert taken() == 0
    folder = begin_run(pause=0.05)
    assert taken() == 0, "not looked up again at once: it is asked for every token"
    eventually(lambda: taken() == 1)
    job.stop(folder)
    ended(folder)
    eventually(lambda: taken() == 0)
