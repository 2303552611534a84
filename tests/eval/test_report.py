"""The report: at any thresholds the page says what Python says, it plays, it is quick, and it asks for nothing.

Runs are drawn, so that every case comes up; one real run, from sounds to page, is made with the command itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Chromium, Opened

from wakeword import model
from wakeword.cli import main
from wakeword.eval import bounds, report, tables
from wakeword.eval.joint import LEAST, Sweep, load
from wakeword.eval.report_clips import clips, wanted
from wakeword.eval.report_form import run_form
from wakeword.eval.report_words import fairness
from wakeword.eval.sounds import Recording, Told
from wakeword.eval.tables import Alternative, Candidate, File, Run, Table, Utterance
from wakeword.eval.tune import condition_weights
from wakeword.model import Point

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>&amp;\"'`"
READY = "document.documentElement.dataset.ready === 'yes'"


def drawn_run(folder: Path, candidates: int, seed: int = 1) -> Run:
    """A run with hostile names in which everything happens: misses, bunches, sessions, several owners, two words."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    words = ("jarvis", "computer")
    about = {word: _about(word) for word in words}
    (folder / tables.RUN).write_text(
        json.dumps({"format": tables.FORMAT, "words": about, "files": 60, "hours": 12.0, "command": ["eval", HOSTILE]})
    )
    files = [_file(number, random) for number in range(60)]
    said = [
        _utterance(f"{file.file}:{number}", file, words[number % 2], number, random)
        for file in files
        if file.kind == "positive"
        for number in range(4)
    ]
    rows = [_row(files, said, words, random) for _ in range(candidates)]
    for number in range(0, candidates // 2, 10):  # some come at the very moment at which another's rest ends
        rows[-1 - number] = replace(rows[number], decided_s=rows[number].rest_until_s, stage2=0.9)
    rows.sort(key=lambda row: row.decided_s)
    by_file = {file.file: [row for row in rows if row.file == file.file] for file in files}
    _write(folder, File, files)
    _write(folder, Utterance, said)
    _write(folder, Candidate, [])
    _write(folder, Alternative, [row for own in by_file.values() for row in own])
    return tables.open_run(folder)


def load_sweeps(run: Run) -> list[Sweep]:
    return [load(run, word) for word in run.about["words"]]


def _about(word: str) -> dict[str, Any]:
    own = model.load(word)
    return {
        "model": str(own.folder), "stage1_sha256": own.stage1_sha256, "stage2_sha256": own.stage2_sha256,
        "threshold_stage1": 0.5, "threshold_stage2": 0.5, "point": "default",
    }  # fmt: skip


def _file(number: int, random: np.random.Generator) -> File:
    kind, condition = (
        ("positive", ("clean", "hum-10dB", "hum-0dB")[number % 3]) if number < 30 else ("negative", "clean")
    )
    snr = None if condition == "clean" else float(condition.split("-")[1].removesuffix("dB"))
    speaker = f"speaker {random.integers(6)}" if number % 7 else ""
    groups = {"group_age": random.choice(["young", "old", ""]), "group_<b>": HOSTILE}
    return File(
        f"{HOSTILE}/{number}", f"{HOSTILE}/{number}", kind, 0.4, condition, "hum" if snr is not None else "", snr, "",
        speaker, "", True, groups,
    )  # fmt: skip


def _utterance(name: str, file: File, word: str, number: int, random: np.random.Generator) -> Utterance:
    start, heard = 100.0 * number + float(random.random()), bool(random.random() < 0.8)
    return Utterance(
        name, file.file, word, round(start, 3), round(start + 0.6, 3), number % 3 > 0, heard, None, None, None, None,
        file.condition, file.noise, file.snr_db, "", file.speaker, file.groups,
    )  # fmt: skip


def _row(files: list[File], said: list[Utterance], words: tuple[str, str], random: np.random.Generator) -> Alternative:
    word = words[random.integers(2)]
    scores = np.round(random.random(2), 3)
    above = round(float(scores[0] * random.random() * 0.5), 9)
    if random.random() < 0.5:
        own = said[random.integers(len(said))]
        if own.word == word:
            time = own.start_s + float(random.random())
            owner = own.utterance
            return _alternative(own.file, word, time, scores, above, owner, random)
    file = files[random.integers(len(files))]
    owner = "-" if random.random() < 0.1 else ""
    return _alternative(file.file, word, float(random.random() * 1400), scores, above, owner, random)


def _alternative(
    file: str, word: str, time: float, scores: np.ndarray, above: float, owner: str, random: np.random.Generator
) -> Alternative:
    time, rest = round(time, 3), float(random.choice([1.5, 4.0, 15.0]))
    return Alternative(
        file, word, time, time + 0.04, float(scores[0]), float(scores[1]), above, float(scores[0]), time + rest, owner
    )


def _write(folder: Path, kind: type, rows: list[Any]) -> None:
    groups = ["group_age", "group_<b>"] if kind in (File, Utterance) else []
    table = Table(folder, kind, groups)
    for row in rows:
        table.write(row)
    table.close()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = drawn_run(tmp_path_factory.mktemp("drawn") / "run", 3_000)
    report.write(run, report.found(run), {})
    return run


@pytest.fixture(scope="module")
def page(chromium: Chromium, drawn: Run) -> Any:
    with chromium.open(drawn.folder / report.REPORT) as opened:
        opened.wait(READY)
        yield opened


# --- the page's figures are Python's


def thresholds(sweep: Sweep) -> list[tuple[float, float]]:
    """Drawn ones, and some that scores touch exactly."""
    random = np.random.default_rng(7)
    exact = [tuple(map(float, sweep.scores[random.integers(len(sweep.scores))])) for _ in range(10)]
    exact += [(float(sweep.alive[row, 0]), 0.3) for row in random.integers(len(sweep.alive), size=5)]
    free = [tuple(map(float, LEAST + (1 - LEAST) * random.random(2))) for _ in range(15)]
    return [*exact, *free, (LEAST, LEAST), (1.0, 1.0), (0.5, 0.5)]


def test_the_pages_decisions_are_those_of_python_at_any_thresholds(page: Opened, drawn: Run) -> None:
    for word, sweep in enumerate(load_sweeps(drawn)):
        for one, two in thresholds(sweep):
            found = page.run("([word, one, two]) => wakeword.report.at(word, one, two)", [word, one, two])
            assert list(map(bool, found["heard"])) == sweep.heard(one, two).tolist(), (one, two)
            assert found["falsely"] == sweep.false_accepts(one, two).tolist(), (one, two)
            assert found["candidates"] == len(sweep.candidates(one))
            assert found["unasked"] == int((~sweep.asked(one)).sum())
            assert found["missed"] == np.flatnonzero(~sweep.heard(one, two)).tolist()


def test_the_sliders_move_every_number_to_what_python_says(page: Opened, drawn: Run) -> None:
    sweep = load_sweeps(drawn)[0]
    page.run("wakeword.report.choose(0)")
    for one, two in [(0.3, 0.6), (0.75, 0.2), (0.9, 0.9)]:
        for name, value in (("one", one), ("two", two)):
            slider = page.page.locator(f"#range-{name}")
            slider.evaluate(
                "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
            )
        page.wait(f"document.documentElement.dataset.at === '0 {one} {two}'")
        missed, said = int((~sweep.heard(one, two)).sum()), len(sweep.utterances)
        falsely = len(sweep.false_accepts(one, two))
        share, often = bounds.wilson(missed, said), bounds.poisson(falsely, sweep.hours)
        assert page.text("#misses .much") == f"{100 * share.value:.1f} %"
        assert page.text("#misses .more") == (
            f"{missed} of {said}; 95 %: {100 * share.low:.1f} % to {100 * share.high:.1f} %"
        )
        assert page.text("#false-accepts .more") == (
            f"{falsely} in {sweep.hours:.2f} h; 95 %: {per_hour(often.low)} to {per_hour(often.high)}"
        )
        assert page.text("#falsely h3") == f"False accepts: {falsely}"
        assert page.text("#missed h3") == f"Misses: {missed}"
        assert f"misses {100 * share.value:.1f} %" in page.text("#brief")


def per_hour(value: float) -> str:
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def test_keys_move_the_sliders(page: Opened) -> None:
    page.run("wakeword.report.choose(0)")
    page.page.locator("#range-one").focus()
    page.page.keyboard.press("ArrowRight")
    page.wait("document.documentElement.dataset.at === '0 0.505 0.5'")
    page.page.locator("#number-two").fill("0.123")
    page.page.keyboard.press("Enter")
    page.wait("document.documentElement.dataset.at === '0 0.505 0.123'")
    page.page.locator("#number-two").fill("7")
    page.page.keyboard.press("Enter")
    assert page.run("wakeword.report.state.two") == 0.123


def test_intervals_are_those_of_bounds(page: Opened) -> None:
    for count, of in [(0, 1), (0, 50), (1, 60), (59, 60), (60, 60), (137, 1_000), (3, 100_000)]:
        low, high = page.run("([count, of]) => wakeword.wilson(count, of)", [count, of])
        share = bounds.wilson(count, of)
        assert (low, high) == pytest.approx((share.low, share.high), rel=1e-12)
    for count in [0, 1, 2, 5, 20, 100, 1_234]:
        low, high = page.run("(count) => wakeword.poisson(count)", count)
        often = bounds.poisson(count, 1.0)
        assert (low, high) == pytest.approx((often.low, often.high), rel=1e-9)


def test_the_probit_axis_is_the_normal_quantile(page: Opened) -> None:
    from statistics import NormalDist

    for share in [1e-4, 0.01, 0.024, 0.025, 0.3, 0.5, 0.9, 0.999]:
        assert page.run("(share) => wakeword.probit(share)", share) == pytest.approx(
            NormalDist().inv_cdf(share), rel=1e-8, abs=1e-9
        )


def test_the_map_holds_what_python_says_of_each_pair(page: Opened, drawn: Run) -> None:
    levels = [0.1, 0.4, 0.7, 1.0]
    for word, sweep in enumerate(load_sweeps(drawn)):
        weights = condition_weights(sweep)
        script = """([word, levels]) => { wakeword.report.choose(word); const form = wakeword.payload('report');
            const sweep = new wakeword.Sweep(form.words[word], form.files);
            return wakeword.grid(sweep, levels, sweep.weights()) }"""
        grid = page.run(script, [word, levels])
        for x, one in enumerate(levels):
            for y, two in enumerate(levels):
                assert grid["misses"][x][y] == pytest.approx(float(weights @ ~sweep.heard(one, two)))
                assert grid["falsely"][x][y] == pytest.approx(len(sweep.false_accepts(one, two)) / sweep.hours)
    found = page.run("([grid]) => wakeword.fewest(grid, 1.0)", [grid])
    allowed = [
        (grid["misses"][x][y], -one - two)
        for x, one in enumerate(levels)
        for y, two in enumerate(levels)
        if grid["falsely"][x][y] <= 1.0
    ]
    assert (found["missed"], -found["sum"]) == min(allowed)


def test_a_condition_narrows_all_figures_to_its_utterances(page: Opened, drawn: Run) -> None:
    sweep = load_sweeps(drawn)[0]
    page.run("wakeword.report.choose(0)")
    page.page.locator("#condition").select_option("hum-0dB")
    own = np.array([utterance.condition == "hum-0dB" for utterance in sweep.utterances])
    missed = int((~sweep.heard(0.5, 0.5) & own).sum())
    assert page.text("#misses .more").startswith(f"{missed} of {own.sum()};")
    page.page.locator("#condition").select_option("")


def test_groups_add_up_to_what_python_counts(page: Opened, drawn: Run) -> None:
    sweep = load_sweeps(drawn)[0]
    page.run("wakeword.report.choose(0)")
    page.page.locator("#group").select_option("group_age")
    heard = sweep.heard(0.5, 0.5)
    for age in ("young", "old"):
        own = np.array([utterance.groups["group_age"] == age for utterance in sweep.utterances])
        row = page.page.locator("#group-table tr").filter(has_text=re.compile(f"^{age}")).first.inner_text().split("\t")
        assert row[1:3] == [str((~heard & own).sum()), str(own.sum())]
    accepts = page.page.locator("#group-table table").nth(1).inner_text()
    rows = sweep.false_accepts(0.5, 0.5)
    old = sum(sweep.files[sweep.file[row]].groups["group_age"] == "old" for row in rows)
    assert re.search(rf"^old\t{old}\t", accepts, re.MULTILINE)


# --- the page as a page


def test_hostile_names_are_text(page: Opened) -> None:
    assert HOSTILE[:20] in page.text("#missed")
    page.page.locator("#group").select_option("group_<b>")
    assert HOSTILE in page.text("#group-table")
    assert page.run("window.hacked") is None
    assert (page.requests, page.errors) == ([], [])


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1200, True)])
def test_nothing_sticks_out_at_the_width_of_a_phone(chromium: Chromium, drawn: Run, width: int, dark: bool) -> None:
    with chromium.open(drawn.folder / report.REPORT, width=width, dark=dark) as opened:
        opened.wait(READY)
        assert opened.run("document.documentElement.scrollWidth") == width
        assert opened.errors == []


def test_every_control_has_a_name_and_every_plot_a_description(page: Opened) -> None:
    unnamed = """[...document.querySelectorAll('button, input, select, audio, [role]')].filter((one) =>
        !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.labels?.length
          || one.textContent.trim())).map((one) => one.outerHTML)"""
    assert page.run(unnamed) == []
    assert page.run("document.querySelectorAll('.plot:not([aria-label])').length") == 0


def test_ten_thousand_candidates_are_drawn_by_a_real_browser(chromium: Chromium, tmp_path: Path) -> None:
    """How long it takes is in docs/tuning.md; here only that all of them are in."""
    run = drawn_run(tmp_path / "run", 10_000)
    report.write(run, report.found(run), {})
    with chromium.open(run.folder / report.REPORT) as opened:
        opened.wait(READY)
        counted = opened.run("wakeword.payload('report').words.reduce((sum, word) => sum + word.file.length, 0)")
        assert counted == 10_000
        assert opened.errors == []


def test_a_run_without_negatives_or_without_utterances_still_has_a_report(chromium: Chromium, tmp_path: Path) -> None:
    for kind in ("positive", "negative"):
        run = drawn_run(tmp_path / kind, 200)
        files = [replace(file, kind=kind) for file in run.files()]
        _write(run.folder, File, files)
        _write(run.folder, Utterance, list(run.utterances()) if kind == "positive" else [])
        report.write(run, report.found(run), {})
        with chromium.open(run.folder / report.REPORT) as opened:
            opened.wait(READY)
            assert opened.errors == []
            empty = "#false-accepts .more" if kind == "positive" else "#misses .much"
            assert opened.text(empty) in ("no hours without the word", "–")


# --- what is in it


def test_the_form_is_json_without_loss(drawn: Run) -> None:
    sweeps = load_sweeps(drawn)
    form = json.loads(json.dumps(run_form(drawn, sweeps, [model.load(sweep.word) for sweep in sweeps])))
    assert form["words"][1]["upto"] == sweeps[1].alive[:, 1].tolist()
    assert form["files"]["name"] == [file.file for file in sweeps[0].files]


def test_it_says_in_words_what_was_counted(page: Opened, drawn: Run) -> None:
    said = list(drawn.utterances())
    for word in ("jarvis", "computer"):
        own = [one for one in said if one.word == word]
        clean = [one for one in own if one.condition == "clean"]
        missed, quiet = (sum(not one.heard for one in some) for some in (own, clean))
        assert f"{word}: missed {missed} of {len(own)} utterances" in page.text("main")
        assert f"in quiet {quiet} of {len(clean)}." in page.text("main")
    assert "no false accept in 12.00 h" in page.text("main")


def test_what_changed_since_an_earlier_run_is_listed(chromium: Chromium, drawn: Run, tmp_path: Path) -> None:
    after = drawn_run(tmp_path / "after", 300)
    said = list(after.utterances())
    jarvis = [number for number, one in enumerate(said) if one.word == "jarvis"]
    for number in jarvis[:5]:
        said[number] = replace(said[number], heard=not said[number].heard)
    _write(after.folder, Utterance, said)
    report.write(after, report.found(after, drawn), {})
    worse = sum(not said[number].heard for number in jarvis[:5])
    with chromium.open(after.folder / report.REPORT) as opened:
        opened.wait(READY)
        text = opened.page.locator("section", has_text="Against an earlier run").inner_text()
        assert (
            f"{5 - worse} are heard that were missed before, {worse} are missed that were heard: not significant"
            in text
        )
        assert f"jarvis: {worse} missed now, heard before" in text
        opened.page.locator("#changed summary").first.click()
        assert (
            opened.run("document.querySelectorAll('#changed details')[0].querySelectorAll('tbody tr').length") == worse
        )
        assert opened.errors == []


def test_differences_between_groups_are_in_a_table(page: Opened, drawn: Run) -> None:
    rows = fairness(report.found(drawn).groups)
    assert {(row[0], row[1]) for row in rows} == {("jarvis", "age"), ("computer", "age")}
    for row in rows:
        assert "\t".join(row) in page.text("section:has(#group)")


def test_the_most_telling_errors_come_first_and_in_turn(drawn: Run) -> None:
    sweeps = load_sweeps(drawn)
    chosen = wanted(sweeps, [Point(0.5, 0.5)] * 2)
    first = [(one.word, one.utterance >= 0) for one in chosen[:6]]
    assert first == [(0, False), (0, True), (0, False), (1, False), (1, True), (1, False)]
    falsely = sweeps[0].false_accepts(0.5, 0.5)
    assert chosen[0].row == max(falsely, key=lambda row: sweeps[0].scores[row].min())
    misses = [sweeps[0].utterances[one.utterance].condition for one in chosen if one.word == 0 and one.utterance >= 0]
    assert misses == sorted(misses, key=["clean", "hum-10dB", "hum-0dB"].index)


# --- from sounds to page


@pytest.fixture(scope="module")
def real(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command itself, with thresholds at which words are missed."""
    out = tmp_path_factory.mktemp("real") / "out"
    manifest = out.parent / "strict.yaml"
    words = ["--word", "jarvis", "--word", "alexa", "--point", "strict"]
    given = ["--positives", str(small.positives), "--noise", str(small.noise), "--snr", "-5"]
    cache = ["--cache", str(manifest.with_suffix(".sqlite")), "--jobs", "1"]
    assert main(["eval", *given, "--negatives", str(small.negatives), *words, *cache, "--out", str(out)]) == 0
    return out


def test_a_kept_error_is_the_recordings_own_sound_with_the_daemons_scores(real: Path) -> None:
    run = tables.open_run(real)
    sweeps = load_sweeps(run)
    sounds = {file.file: Recording(file.path, file.file) for file in run.files() if file.file == file.path}
    loosest = [Point(LEAST, LEAST)] * 2
    among = [one for one in wanted(sweeps, loosest) if one.row >= 0 and one.file in sounds]
    models = [model.load(sweep.word) for sweep in sweeps]
    found = clips(among, sounds, models, 6, lambda done, whole: None)
    assert len(found) == 6
    for form in found:
        sweep, row = sweeps[form["word"]], form["row"]
        first, scores = form["stage2"]
        assert scores[first.index(round(form["decided"], 3))] == pytest.approx(sweep.scores[row, 1], abs=6e-4)
        times = np.array(form["stage1"][0])
        near = np.array(form["stage1"][1], float)[(times > form["decided"] - 0.2) & (times <= form["decided"])]
        assert np.nanmax(near) == pytest.approx(sweep.scores[row, 0], abs=6e-4)


def test_sounds_are_read_from_the_place_where_they_are(real: Path, room: np.ndarray) -> None:
    import base64
    import io

    import soundfile

    run = tables.open_run(real)
    name = next(file.file for file in run.files() if file.file.endswith("room.flac"))
    sweeps = load_sweeps(run)
    among = [one for one in wanted(sweeps, [Point(LEAST, LEAST)] * 2) if one.file == name]
    models = [model.load(sweep.word) for sweep in sweeps]
    form = clips(among, {name: Recording(name, "")}, models, 1, lambda done, whole: None)[0]
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(form["audio"].split(",")[1])), dtype="int16")
    start = round(form["start"] * 16_000)
    assert (rate, len(sound)) == (16_000, round(form["seconds"] * 16_000))
    assert np.array_equal(sound, room[start : start + len(sound)])
    assert Recording(name, "").blocks(Told()) is not None


def test_an_error_can_be_looked_at_and_heard(chromium: Chromium, real: Path) -> None:
    with chromium.open(real / report.REPORT) as opened:
        opened.wait(READY)
        opened.page.locator("#missed button", has_text="look").first.focus()
        opened.page.keyboard.press("Enter")
        assert opened.run("document.activeElement.textContent") == "look"  # the place in the list is kept
        assert opened.run("document.querySelectorAll('#listen canvas').length") == 3
        opened.wait("document.querySelector('#listen audio').readyState >= 2")
        opened.run("document.querySelector('#listen audio').play()")
        opened.wait("document.querySelector('#listen audio').currentTime > 0.2")
        opened.run("wakeword.report.set(0.9, 0.9)")
        assert (opened.requests, opened.errors) == ([], [])
