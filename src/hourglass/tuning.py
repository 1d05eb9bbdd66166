"""Search: let the machine try networks, widths, activations, codes, spoils and step sizes, beginning at the recipe.

    recipe -> trials (Optuna, in a journal file) -> the best few once more -> the best and the recipe, three seeds each -> the better

How much better the best is than the recipe is measured on seeds that no trial saw; where that is within noise, the recipe is the finding.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hourglass import files
from hourglass.autoencoder import Autoencoder, Path_
from hourglass.budget import Record
from hourglass.candidates import Candidates
from hourglass.errors import BadFile, BadOption, MissingExtra, TrainingFailed
from hourglass.progress import counting, following
from hourglass.spaces import RECIPE, space

__all__ = ["Finding", "Trial", "search"]

TRIALS = 0.7  # of the time; the rest is for comparing
FINALISTS, SEEDS = 3, 3
STEPS = 10  # how often a trial may be given up
WARM = 5  # trials that are never given up, and drawn by chance


@dataclass
class Trial:
    """One setting that was tried: what was `changed` of the recipe, its `value`, None where it was given up, and the seconds it took."""

    changed: dict[str, Any]
    value: float | None
    seconds: float
    state: str


@dataclass
class Finding:
    """What a search found: the `model`, the `measure` that was raised, all `trials`, and the values of both on fresh seeds.

    `recipe` are the settings of the recipe; `trial_minutes` is what each trial had, None: the recipe's own budget of epochs.
    `importance` is each setting's share of what made trials differ (fANOVA, Hutter et al. 2014); empty with few trials.
    """

    model: Autoencoder
    measure: str
    trials: list[Trial]
    best: dict[str, Any]
    of_best: list[float]
    of_recipe: list[float]
    taken: bool
    recipe: dict[str, Any] = field(default_factory=dict)
    importance: dict[str, float] = field(default_factory=dict)
    minutes: float = 0.0
    trial_minutes: float | None = None

    @property
    def verdict(self) -> str:
        """The finding compared with the recipe, in words."""
        if not self.best:
            return f"nothing tried was better than the recipe ({self.measure} {np.mean(self.of_recipe):.4g}); the recipe is given"
        words = ", ".join(f"{name.removeprefix('network.')} {value}" for name, value in self.best.items())
        told = f"{words}: {self.measure} {_told(self.of_best)}, the recipe {_told(self.of_recipe)}, {len(self.of_best)} fresh seeds each"
        if self.taken:
            return f"better than the recipe: {told}"
        return f"the recipe was within noise of the best that was found, and is given; {told}"


def search(
    X: Any,
    y: Any = None,
    *,
    purpose: str = "embed",
    trials: int = 30,
    minutes: float = 10.0,
    journal: Path_ | None = None,
    random_state: int = 0,
    **settings: Any,
) -> Finding:
    """Look for better settings than the recipe's, in so many `trials` or `minutes`, whatever ends first; gives a `Finding`.

    X, y and the `settings` are what `Autoencoder` and its `fit` take; what is set is not searched. `journal`: a file that keeps the
    trials: a search that was killed goes on there, and several processes given the same file share the work. Needs Optuna (Akiba et al.
    2019). Raises `MissingExtra`, `BadOption`, `BadData`, `BadFile` (a journal of other data or settings).
    """
    optuna = _optuna()
    _check(trials, minutes, settings)
    begun = time.monotonic()
    settings = {**settings, "purpose": purpose}
    verbose = bool(settings.pop("verbose", False))
    found = Candidates(X, y, settings, random_state)
    with counting(verbose, "the recipe") as draw:
        draw(0, 1)
        recipe = found.recipe(60 * minutes * TRIALS / max(1, trials))
    choices = space(recipe.kind, purpose, recipe.settings, found.free, found.measure == "probe")
    choices = {name: values for name, values in choices.items() if settings.get(name.partition(".")[0], "auto") == "auto"}
    if not choices:
        raise BadOption("every setting that could be searched is given; leave some out, or set them to 'auto'")
    study = _study(optuna, journal, _names(found, choices), random_state)
    _try(optuna, study, found, choices, trials, begun + 60 * minutes * TRIALS, verbose)
    best = _finalist(study, found, choices)
    return _compared(optuna, study, found, choices, best, verbose, begun)


def _check(trials: int, minutes: float, settings: dict[str, Any]) -> None:
    """Refuse what cannot be meant."""
    if isinstance(trials, bool) or not isinstance(trials, int | np.integer) or trials < 1:
        raise BadOption(f"trials={trials!r}: give a whole number from 1 on")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes < 1e6:
        raise BadOption(f"minutes={minutes!r}: give the minutes that the search may take, a number above 0")
    for name in ("epochs", "minutes"):
        if name in settings:
            raise BadOption(f"{name}= is chosen by the search: each trial has its share of the time, or the recipe's own budget")


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as trouble:
        raise MissingExtra("search needs Optuna: pip install 'hourglass[search]'") from trouble
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _names(found: Candidates, choices: dict[str, Any]) -> str:
    """The name of a study: of the same data, measure and choices."""
    return "hourglass-" + files.digest({"data": found.name, "measure": found.measure, "choices": repr(sorted(choices.items()))}, {})[:16]


def _study(optuna: Any, journal: Path_ | None, name: str, seed: int) -> Any:
    """The study of that name, in the journal where there is one; it begins at the recipe."""
    sampler = optuna.samplers.TPESampler(seed=seed if journal is None else None, n_startup_trials=WARM)
    pruner = optuna.pruners.PercentilePruner(50.0, n_startup_trials=WARM, n_warmup_steps=STEPS // 3)
    told = {"study_name": name, "load_if_exists": True, "direction": "maximize", "sampler": sampler, "pruner": pruner}
    if journal is None:
        return optuna.create_study(**told)
    path = Path(journal)
    if not path.parent.is_dir():
        raise BadFile(f"journal={str(path)!r}: the folder {path.parent} does not exist; make it first")
    try:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        others = [each.study_name for each in optuna.get_all_study_summaries(storage) if each.study_name != name]
        if not others:
            return optuna.create_study(storage=storage, **told)
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise BadFile(f"{path} is no journal of a search ({trouble}); give another file") from trouble
    raise BadFile(f"{path} is the journal of another search (other data, measure or settings); give it a file of its own")


def _try(optuna: Any, study: Any, found: Candidates, choices: dict[str, Any], trials: int, until: float, verbose: bool) -> None:
    """Trials until there are enough, or time is over."""
    if not study.trials:
        study.enqueue_trial(dict.fromkeys(choices, 0))
    with counting(verbose, "searching") as draw:
        while True:
            done = sum(each.state.is_finished() for each in study.trials)
            draw(min(done, trials), trials)
            if done >= trials or (time.monotonic() > until and done > 0):
                return
            trial = study.ask()
            chosen = {name: values[trial.suggest_categorical(name, list(range(len(values))))] for name, values in choices.items()}
            try:
                with following(partial(_report, optuna, trial, set())):
                    value = found.value(chosen, found.seed)
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            except (TrainingFailed, BadOption, MemoryError):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, value if np.isfinite(value) else None, None if np.isfinite(value) else optuna.trial.TrialState.FAIL)


def _report(optuna: Any, trial: Any, told: set[int], record: Record) -> None:
    """Give a trial up whose held-out loss is worse than half of the others' were at that time; `told` are the steps reported."""
    step = int(record.fraction * STEPS)
    if record.held_out is None or record.doing or step in told:
        return
    told.add(step)
    trial.report(-record.held_out, step)
    if trial.number and trial.should_prune():
        raise optuna.TrialPruned


def _chosen(choices: dict[str, Any], params: dict[str, int]) -> dict[str, Any]:
    """What a trial changed of the recipe."""
    return {name: values[params[name]] for name, values in choices.items() if name in params and values[params[name]] != RECIPE}


def _finalist(study: Any, found: Candidates, choices: dict[str, Any]) -> dict[str, Any]:
    """The best of the best few, each tried once more with another seed: the best of many is partly luck."""
    done = sorted((each for each in study.trials if each.state.name == "COMPLETE"), key=lambda each: -each.value)
    seen: dict[str, tuple[dict[str, Any], float]] = {}
    for each in done:
        seen.setdefault(repr(chosen := _chosen(choices, each.params)), (chosen, each.value))
    best = [(chosen, value) for chosen, value in list(seen.values())[:FINALISTS] if chosen]
    if not best:
        return {}
    return max(best, key=lambda pair: pair[1] + found.value(pair[0], found.seed + 1))[0]


def _compared(
    optuna: Any, study: Any, found: Candidates, choices: dict[str, Any], best: dict[str, Any], verbose: bool, begun: float
) -> Finding:
    """The finding: the best and the recipe on the same fresh seeds."""
    seeds = [found.seed + 2 + number for number in range(SEEDS)]
    with counting(verbose, "comparing") as draw:
        of: dict[str, list[float]] = {"recipe": [], "best": []}
        for number, seed in enumerate(seeds):
            of["recipe"].append(found.value({}, seed))
            if best:
                of["best"].append(found.value(best, seed))
            draw(number + 1, SEEDS)
        taken = bool(best) and _better(of["best"], of["recipe"])
        model = found.whole(best if taken else {})
    return Finding(
        model=model,
        measure=found.measure,
        trials=[_row(choices, each) for each in study.trials],
        best=best,
        of_best=of["best"],
        of_recipe=of["recipe"],
        taken=taken,
        recipe=found.taken,
        trial_minutes=found.minutes,
        importance=_importance(optuna, study),
        minutes=(time.monotonic() - begun) / 60,
    )


def _row(choices: dict[str, Any], trial: Any) -> Trial:
    """A trial as it is told; one that was given up has no value, only losses on its way."""
    value = trial.value if trial.state.name == "COMPLETE" else None
    return Trial(_chosen(choices, trial.params), value, trial.duration.total_seconds() if trial.duration else 0.0, trial.state.name.lower())


def _better(best: list[float], recipe: list[float]) -> bool:
    """Whether the difference, seed by seed, is more than its standard error."""
    apart = np.asarray(best) - np.asarray(recipe)
    return bool(apart.mean() > apart.std(ddof=1) / np.sqrt(len(apart)))


def _importance(optuna: Any, study: Any) -> dict[str, float]:
    """Each setting's share of what made trials differ, largest first."""
    done = [each for each in study.trials if each.state.name == "COMPLETE"]
    if len(done) < 2 * WARM or len({each.value for each in done}) < 2:
        return {}
    try:
        told = optuna.importance.get_param_importances(study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0))
    except (ValueError, RuntimeError, ImportError):
        return {}
    return {name: float(share) for name, share in told.items()}


def _told(values: list[float]) -> str:
    return f"{np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}"
