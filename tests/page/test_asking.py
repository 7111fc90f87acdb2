"""Ask, look, jump: what people do first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, Route, expect

from page.browsing import LOADED, time_of, until
from scenesearch.metadata import Section
from scenesearch.search.answer import Evidence, FileHit, Scene, SearchRequest
from scenesearch.search.query import understood
from scenesearch.video import Video
from site_under_test import a_file, a_scene, whole


def ask(page: Page, url: str, question: str = "ferry leaves") -> None:
    page.goto(url)
    page.get_by_role("combobox", name="Describe the scene").or_(page.get_by_role("searchbox")).fill(question)
    page.keyboard.press("Enter")


def test_a_question_leads_to_the_moment(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    ask(page, served.url)
    first = page.locator("li.scene").first
    expect(first.locator("a.title")).to_have_text("Harbour day")
    expect(first.locator("mark").first).to_have_text("ferry")
    expect(first.locator(".evidence .section")).to_have_text("Said")
    expect(page.locator(".status")).to_contain_text("3 scenes in 2 videos")
    until(page, "[...document.querySelectorAll('li.scene img')].slice(0, 2).every((i) => i.complete && i.naturalWidth > 0)")
    first.locator("a.title").click()
    until(page, LOADED)
    assert answering[0].start <= time_of(page) < answering[0].end
    until(page, "!document.querySelector('.ended').hidden", within_s=20)
    assert time_of(page) == pytest.approx(answering[0].end, abs=0.4), "it stops where the scene ends"
    page.get_by_role("button", name="Play on").click()
    until(page, f"document.querySelector('video').currentTime > {answering[0].end + 0.5}")


def test_cuts_of_one_place_are_one_card(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    line = Evidence(section=Section.TRANSCRIPTION, timestamp="00:10-00:13", text="The ferry leaves at nine.")
    scenes = [
        a_scene(films[0], start, end, "The ferry leaves.", line, score=score)
        for start, end, score in [(10, 13, 0.9), (30, 33, 0.8), (8, 15, 0.7)]
    ]

    def script(request: SearchRequest) -> Iterator[FileHit | Scene]:
        yield from scenes
        yield whole(request, [a_file(films[0])], scenes)

    served.search.script = script
    ask(page, served.url)
    cards = page.locator("li.scene:not(.ghost)")
    expect(page.locator(".status")).to_contain_text("2 scenes in 1 video")
    expect(cards).to_have_count(2)
    expect(cards.nth(1).locator(".cuts")).to_have_count(0)
    cards.first.locator(".cuts a").click()
    until(page, LOADED)
    assert 8 <= time_of(page) < 15
    page.get_by_role("button", name="Next scene").click()
    page.wait_for_url("**t=30*")


def test_files_come_before_scenes(page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]) -> None:
    go_on = threading.Event()

    def slow(request: SearchRequest) -> Iterator[FileHit | Scene]:
        yield a_file(films[0])
        go_on.wait(20)
        yield answering[0]
        yield whole(request)

    served.search.script = slow
    ask(page, served.url)
    expect(page.locator(".files .chip")).to_have_text("Harbour day")
    assert not page.locator("li.scene:not(.ghost)").count()
    go_on.set()
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(1)


def test_leaving_ends_the_search(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    ended, waiting = threading.Event(), threading.Event()

    def endless(request: SearchRequest) -> Iterator[FileHit | Scene]:
        try:
            while True:
                yield a_file(films[0])
                waiting.wait(0.05)
        finally:
            ended.set()

    served.search.script = endless
    ask(page, served.url)
    expect(page.locator(".files .chip").first).to_be_visible()
    page.goto("about:blank")
    assert ended.wait(10), "the server went on searching for nobody"


def test_an_address_can_be_shared(opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene]) -> None:
    page = opened()
    ask(page, served.url)
    page.get_by_role("radio", name="Miss nothing").check()
    page.get_by_role("radio", name="Thorough").check()
    page.locator("summary", has_text="Filters").click()
    page.locator("select[name=section]").select_option("transcription")
    expect(page).to_have_url(f"{served.url}/search?q=ferry+leaves&mode=recall&effort=thorough&section=transcription")
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
    other = opened()
    other.goto(page.url)
    expect(other.locator("li.scene:not(.ghost)")).to_have_count(3)
    expect(other.get_by_role("radio", name="Miss nothing")).to_be_checked()
    request = served.search.asked[-1][0]
    assert (request.mode, request.effort, request.section) == ("recall", "thorough", "transcription")


def test_the_player_can_be_shared_and_knows_the_other_hits(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    video = answering[0].video_id
    page.goto(f"{served.url}/watch?q=ferry&v={video}&t=10&end=13")
    until(page, LOADED)
    assert 10 <= time_of(page) < 13
    expect(page.get_by_role("link", name="Somebody speaks of the storm")).to_be_visible()
    page.get_by_role("button", name="Next scene").click()
    until(page, "document.querySelector('video')?.readyState >= 2 && document.querySelector('video').currentTime >= 20")
    page.get_by_role("link", name="Back to the results").click()
    expect(page).to_have_url(f"{served.url}/search?q=ferry")


def test_a_shared_clip_with_borders_of_its_own_is_still_the_scene_that_was_found(
    page: Page, served: SimpleNamespace, answering: list[Scene]
) -> None:
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=9.5&end=13.2")
    expect(page.get_by_label("From", exact=True)).to_have_value("0:09.500")
    expect(page.locator(".why")).to_contain_text("The ferry leaves the pier.")
    expect(page.get_by_role("button", name="Next scene")).to_be_enabled()
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=40&end=45")
    expect(page.get_by_role("tab", name="Hits")).to_be_visible()
    expect(page.locator(".why")).to_have_count(0)


def test_a_shared_scene_can_be_used_while_its_search_goes_on(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    go_on, good = threading.Event(), served.search.script

    def slow(request: SearchRequest) -> Iterator[FileHit | Scene]:
        found = good(request)
        yield next(found)
        go_on.wait(30)
        yield from found

    served.search.script = slow
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=10&end=13")
    try:
        expect(page.locator(".steps [role=status]")).to_have_text("Searching…")
        expect(page.get_by_role("heading", name="Harbour day")).to_be_visible()
        expect(page.locator(".mark.important")).to_have_count(1)
        page.get_by_label("From", exact=True).fill("0:08.500")
        page.get_by_label("From", exact=True).press("Enter")
        page.get_by_role("tab", name="Written").click()
        expect(page.get_by_role("button", name="出発 9:00")).to_be_visible()
        page.get_by_label("From", exact=True).focus()
    finally:
        go_on.set()
    expect(page.get_by_role("tab")).to_have_text(["Hits (3)", "Said", "Written", "Shown", "Scenes"])
    expect(page.get_by_role("button", name="Next scene")).to_be_enabled()
    expect(page.locator(".why mark").first).to_have_text("ferry")
    expect(page.locator(".mark.hit")).to_have_count(2)
    expect(page.locator(".steps [role=status]")).to_have_count(0)
    expect(page.get_by_label("From", exact=True)).to_have_value("0:08.500")
    expect(page.get_by_label("From", exact=True)).to_be_focused()
    expect(page.get_by_role("tab", name="Written")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Hits").click()
    expect(page.get_by_role("link", name="Somebody speaks of the storm")).to_be_visible()


def test_filters_offer_what_there_is(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    ask(page, served.url)
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Collection").select_option("films")
    expect(page).to_have_url(f"{served.url}/search?q=ferry+leaves&collection=films")
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
    assert served.search.asked[-1][0].collection == "films"
    page.locator("summary", has_text="Filters 1").click()
    expect(page.get_by_label("Collection")).to_have_value("films")
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(f"{served.url}/search?q=ferry+leaves")


def test_every_filter_is_in_sight_and_can_be_removed(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    address = f"{served.url}/search?q=ferry&collection=films&language=ja&speaker=Mika&tag=summer&section=texts&since=2026-11-22"
    page.goto(address)
    expect(page.locator("button.chip.on")).to_have_text(["films", "Japanese", "Mika", "#summer", "Written", "Added from: 2026-11-22"])
    page.get_by_role("button", name="#summer").click()
    expect(page).to_have_url(address.replace("&tag=summer", ""))
    expect(page.locator("button.chip.on")).to_have_count(5)
    assert served.search.asked[-1][0].tag is None


def test_days_are_those_of_the_askers_calendar(opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene]) -> None:
    page = opened(timezone_id="Asia/Tokyo")
    page.goto(f"{served.url}/search?q=ferry&since=2026-11-22&until=2026-11-22")
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
    [(request, _)] = served.search.asked
    assert (request.since.isoformat(), request.until.isoformat()) == ("2026-11-21T15:00:00+00:00", "2026-11-22T15:00:00+00:00")


def test_words_are_marked_whole_and_in_their_forms(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    ask(page, served.url, "storms leaving a pier")
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
    marks = page.locator("li.scene .description mark").all_inner_texts()
    assert marks == ["leaves", "pier", "storm"]


MARKS = ['"{}"', "＂{}＂", "“{}”", "„{}“", "„{}”", "«{}»", "「{}」", "｢{}｣", "『{}』"]


def test_every_quotation_mark_that_the_search_knows_marks_the_phrase(page: Page, served: SimpleNamespace) -> None:
    questions = [mark.format("the ferry leaves") for mark in MARKS]
    assert all(understood(question).only_phrases for question in questions)
    page.goto(served.url)
    seen = page.evaluate(
        """async (questions) => {
          const { unquoted, wordsOf } = await import('/page/dom.js');
          return questions.map((q) => ['Now the ferry leaves.'.match(wordsOf(q)), unquoted(q)]);
        }""",
        questions,
    )
    assert seen == [[["the ferry leaves"], "the ferry leaves"]] * len(MARKS)


@pytest.mark.parametrize("question", ['"no such words"', "“no such words”"])
def test_nothing_found_says_what_to_do(page: Page, served: SimpleNamespace, films: list[Video], question: str) -> None:
    ask(page, served.url, question)
    expect(page.get_by_role("heading", name="No scene found")).to_be_visible()
    page.get_by_role("button", name="Search without the quotation marks").click()
    expect(page).to_have_url(f"{served.url}/search?q=no+such+words")
    page.get_by_role("button", name="Miss nothing").click()
    expect(page).to_have_url(f"{served.url}/search?q=no+such+words&mode=recall")


def test_a_degraded_answer_says_why_and_can_be_asked_again(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    good = served.search.script
    served.search.script = lambda r: iter([*answering, whole(r).model_copy(update={"degraded": "the reader is away"})])
    ask(page, served.url)
    expect(page.get_by_text("Quick answer only: the reader is away")).to_be_visible()
    served.search.script = good
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Quick answer only")).to_have_count(0)


def gone(route: Route) -> None:
    route.abort()


def broken(route: Route) -> None:
    detail = "Something broke here. Try again; if it stays, report the request's id."
    route.fulfill(status=500, content_type="application/problem+json", json={"title": "x", "status": 500, "detail": detail})


def away(route: Route) -> None:
    route.fulfill(status=503, content_type="text/html", body="<h1>Service Unavailable</h1>")


FAILURES = {gone: "does not answer", broken: "Something broke", away: "cannot answer just now (503)"}


def test_an_error_inside_the_search_is_shown_and_can_be_tried_again(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    good = served.search.script
    served.search.script = lambda r: (_ for _ in ()).throw(RuntimeError("inside"))
    ask(page, served.url)
    expect(page.get_by_role("alert")).to_contain_text("Something broke")
    served.search.script = good
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)


def test_a_search_without_an_answer_is_tried_again(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    for how, said in FAILURES.items():
        page.route("**/v1/search?*", how)
        ask(page, served.url)
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator(".status")).to_have_text("The search failed")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("alert")).to_contain_text(said)
        page.unroute("**/v1/search?*")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
        expect(page.get_by_role("alert")).to_have_count(0)


def test_the_player_tries_its_search_again(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    for how, said in FAILURES.items():
        page.route("**/v1/search?*", how)
        page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=10&end=13")
        expect(page.locator(".steps [role=status]")).to_contain_text(said)
        until(page, LOADED)
        page.unroute("**/v1/search?*")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="Next scene")).to_be_enabled()
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)
        expect(page.locator(".steps [role=status]")).to_have_count(0)


def test_a_view_that_was_not_loaded_is_tried_again(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    for how, said in FAILURES.items():
        page.route("**/v1/videos**", how)
        page.route("**/v1/videos/*", how)
        page.route("**/v1/videos/*/entries", how)
        page.goto(served.url)
        expect(page.get_by_role("alert")).to_contain_text(said)
        page.unroute("**/v1/videos**")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".tile")).to_have_count(2)
        page.locator(".tile", has_text="Harbour day").click()
        expect(page.get_by_role("heading", name="This could not be loaded")).to_be_visible()
        expect(page.locator(".empty")).to_contain_text(said)
        page.unroute("**/v1/videos/*")
        page.get_by_role("button", name="Try again").click()
        until(page, LOADED)
        expect(page.locator(".side [role=alert]")).to_contain_text(said)
        page.unroute("**/v1/videos/*/entries")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("button", name="The ferry leaves at nine")).to_be_visible()


def test_an_answer_that_breaks_off_says_so_and_can_be_asked_again(
    page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]
) -> None:
    good = served.search.script
    served.search.script = lambda r: iter([a_file(films[0])])
    ask(page, served.url)
    expect(page.get_by_role("alert")).to_contain_text("broke off")
    expect(page.locator("li.ghost")).to_have_count(0)
    served.search.script = good
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)


def test_the_player_says_when_its_search_fails(page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]) -> None:
    def broken(request: SearchRequest) -> Iterator[FileHit | Scene]:
        yield a_file(films[0])
        raise RuntimeError("inside")

    served.search.script = broken
    page.goto(f"{served.url}/watch?q=ferry&v={answering[0].video_id}&t=10&end=13")
    expect(page.locator(".steps [role=status]")).to_contain_text("Something broke")
    expect(page.get_by_role("tab")).to_have_text(["Said", "Written", "Shown", "Scenes"])


def test_everything_works_from_the_keyboard(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    page.goto(f"{served.url}/library")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("ferry")
    page.keyboard.press("Enter")
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("a.title").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    until(page, LOADED)
    assert 20 <= time_of(page) < 23
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    before = time_of(page)
    page.keyboard.press("j")
    until(page, f"document.querySelector('video').currentTime < {before - 9}")
    page.keyboard.press("l")
    until(page, f"Math.abs(document.querySelector('video').currentTime - {before}) < 0.2")
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Captions")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("p")
    until(page, "document.querySelector('video')?.readyState >= 2 && document.querySelector('video').currentTime < 14")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{served.url}/search?q=ferry")


@pytest.fixture
def many(served: SimpleNamespace, films: list[Video]) -> list[Scene]:
    """More scenes than are shown at once; every question finds as many of them as it wants."""
    line = Evidence(section=Section.TRANSCRIPTION, timestamp="00:10-00:13", text="The ferry leaves at nine.")
    scenes = [a_scene(films[0], start, start + 2, f"Scene {start}.", line, score=1 - start / 100) for start in range(0, 60, 4)]

    def script(request: SearchRequest) -> Iterator[FileHit | Scene]:
        yield from scenes[: request.limit]
        yield whole(request, scenes=scenes[: request.limit])

    served.search.script = script
    return scenes


def test_the_results_are_found_as_they_were_left(page: Page, served: SimpleNamespace, many: list[Scene]) -> None:
    ask(page, served.url)
    link = page.locator("a.title").nth(7)
    ways: list[Callable[[], object]] = [
        lambda: page.keyboard.press("Escape"),
        lambda: page.get_by_role("link", name="Back to the results").click(),
        page.go_back,
    ]
    for back in ways:
        link.click()
        until(page, LOADED)
        page.get_by_role("button", name="Next scene").click()
        page.wait_for_url("**t=32*")
        back()
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport()
        assert page.evaluate("scrollY") > 300
    assert len(served.search.asked) == 1, "it is not asked again"
    page.go_back()
    expect(page).to_have_url(f"{served.url}/")


def test_more_scenes_come_below_those_that_are_looked_at(page: Page, served: SimpleNamespace, many: list[Scene]) -> None:
    ask(page, served.url)
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(10)
    page.get_by_role("button", name="Show more scenes").click()
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(15)
    expect(page).to_have_url(f"{served.url}/search?q=ferry+leaves&limit=20")
    expect(page.locator("a.title").nth(10)).to_be_focused()
    assert page.evaluate("scrollY") > 300


def test_feedback_is_kept_with_the_question(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    ask(page, served.url)
    page.get_by_role("button", name="Wrong scene: Harbour day, 00:20").click()
    expect(page.get_by_role("button", name="Wrong scene: Harbour day, 00:20")).to_have_attribute("aria-pressed", "true")
    page.locator("a.title").first.click()
    page.get_by_role("button", name="Right scene").click()
    expect(page.get_by_role("button", name="Right scene")).to_have_attribute("aria-pressed", "true")
    stored = [(one.query, one.span.start_ms, one.right) for one in served.catalog.feedback()]
    assert sorted(stored) == [("ferry leaves", 10_000, True), ("ferry leaves", 20_000, False)]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Right scene: Harbour day, 00:10")).to_have_attribute("aria-pressed", "true")


def test_the_evidence_leads_to_its_moment(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    page.goto(f"{served.url}/watch?q=ferry&v={answering[1].video_id}&t=20&end=23")
    until(page, LOADED)
    page.keyboard.press("k")
    page.keyboard.press("j")
    until(page, "document.querySelector('video').currentTime < 15")
    page.locator(".why").get_by_role("button", name="00:20-00:23").click()
    until(page, "Math.abs(document.querySelector('video').currentTime - 20) < 0.1")


def test_the_transcript_follows_and_leads(page: Page, served: SimpleNamespace, answering: list[Scene]) -> None:
    page.goto(f"{served.url}/watch?v={answering[0].video_id}&t=10.5")
    expect(page.locator(".entry.on").first).to_contain_text("The ferry leaves at nine.")
    page.get_by_role("button", name="Nobody told me").click()
    until(page, "document.querySelector('video').currentTime >= 20")
    expect(page.locator(".entry.on").first).to_contain_text("Nobody told me")
    page.get_by_role("tab", name="Written").click()
    page.get_by_role("button", name="出発 9:00").click()
    until(page, "Math.abs(document.querySelector('video').currentTime - 11) < 0.5")


def test_japanese_people_see_japanese(opened: Callable[..., Page], served: SimpleNamespace, answering: list[Scene]) -> None:
    page = opened(locale="ja-JP")
    page.goto(served.url)
    assert page.locator("html").get_attribute("lang") == "ja"
    page.get_by_role("combobox").or_(page.get_by_role("searchbox")).fill("フェリーが出る")
    page.get_by_role("button", name="検索").click()
    expect(page.locator(".status")).to_contain_text("2 本の動画に 3 件の場面")
    page.locator("a.title").first.click()
    expect(page.get_by_role("button", name="正しい場面")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Right scene")).to_be_visible()


def test_hostile_content_stays_text(page: Page, served: SimpleNamespace, answering: list[Scene], films: list[Video]) -> None:
    for path in ("/", "/search?q=script", f"/watch?q=x&v={films[1].ref.video_id}&t=2&end=6", "/library"):
        page.goto(served.url + path)
        expect(page.get_by_text("<script>window.broken=1</script>").locator("visible=true").first).to_be_visible()
        if "watch" in path:
            page.get_by_role("button", name="Captions").click()
            until(page, "document.querySelector('video').textTracks[0].activeCues?.length > 0")
            for tab in ("Said", "Written", "Shown", "Scenes"):
                page.get_by_role("tab", name=tab).click()
        assert page.evaluate("window.broken") is None
        assert page.evaluate("document.querySelectorAll('main img[src=x], main script').length") == 0


def test_the_picture_of_a_scene_is_that_of_its_evidence(page: Page, served: SimpleNamespace, films: list[Video]) -> None:
    line = Evidence(section=Section.TEXTS, timestamp="00:30-00:34", text="出発 9:00")
    long = a_scene(films[0], 10.0, 40.0, "A long scene.", line)
    odd = a_scene(films[0], 50.0, 51.0, "Its evidence reaches beyond it.", line)
    served.search.script = lambda request: iter([long, odd, whole(request, scenes=[long, odd])])
    ask(page, served.url)
    expect(page.locator("li.scene:not(.ghost)")).to_have_count(2)
    pictures = page.locator("li.scene img").evaluate_all("(all) => all.map((image) => new URL(image.src).pathname.split('/').pop())")
    assert pictures == ["32000.jpg", "50500.jpg"]
