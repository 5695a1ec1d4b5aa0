"""The clock of the loop: a timer that runs the sweep."""

import azure.functions as func

from shared.runtime import application

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="%OUTERLOOP_SWEEP_SCHEDULE%", run_on_startup=False)
async def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001  # the moment is all that it tells
    """Finish what a crash left, wake what is due, fire schedules, close windows."""
    await (await application()).sweeper.run()
