"""The story of the sample, as data: its scenes, their words, and the questions that people ask."""

from studio.pictures import bridge, chase, classroom, harbour, meeting, screen, stall
from studio.script import Line, Question, Scene, Text

TITLE = "A day at the harbour"
SPEAKERS = {
    "Hana": "narrator",
    "Ms Mori": "teacher",
    "Mr Sato": "chair of the meeting",
    "Yuki": "cook",
}

TIMECODE_START = "10:42:07:00"


def caption(words: str, start: float, end: float) -> Text:
    """Return a subtitle at the bottom of the picture."""
    return Text((words,), 640, 668, 34, "caption", "caption", start=start, end=end)


SCENES = (
    Scene(
        "harbour", 7.2,
        "Sunrise over a harbour: a small white sailing boat passes a red and white lighthouse, "
        "gulls fly",
        harbour.sunrise, harbour.morning,
        lines=(
            Line(0.6, "Hana", "Good morning from the harbour."),
            Line(2.8, "Hana", "A small white boat sails past the old lighthouse."),
        ),
        texts=(
            Text(("A day at the harbour", "港の一日"), 560, 260, 60, style="title", start=0.4, end=2.7),
            caption("白い船が灯台の前を通ります", 2.8, 6.8),
        ),
    ),
    Scene(
        "classroom", 8.0,
        "A classroom: a teacher with glasses points at a formula on the blackboard, "
        "four pupils listen",
        classroom.room, classroom.lesson,
        lines=(
            Line(0.6, "Ms Mori", "Today we learn about light."),
            Line(2.9, "Ms Mori", "Energy equals mass times the speed of light squared."),
        ),
        texts=(
            Text(("Physics   物理",), 300, 116, 44, style="chalk", colour="#f7d774"),
            Text(("E = mc²",), 460, 262, 110, style="chalk", start=0.8, write=1.6),
            Text(("c = 299,792 km/s",), 460, 400, 52, style="chalk", start=4.0, write=1.2),
            caption("Ms Mori teaches physics", 0.4, 2.7),
            caption("今日は光について学びます", 2.9, 7.6),
        ),
    ),
    Scene(
        "meeting", 5.6,
        "A meeting room: four people at a table, a slide with a bar chart about next year's budget",
        meeting.office, meeting.discussion,
        lines=(
            Line(0.7, "Mr Sato", "Let us talk about the budget for next year."),
            Line(3.8, "Mr Sato",
                 "We will spend more money on the old bridge, and less on new car parks."),
        ),
        texts=(
            Text(("来年度予算 Budget 2027",), 450, 92, 42),
            Text(("Bridge",), 220, 199, 34, colour="#1f2430"),
            Text(("School",), 220, 275, 34, colour="#1f2430"),
            Text(("Parking",), 220, 351, 34, colour="#1f2430"),
            Text(("48%",), 690, 199, 34, colour="#1f2430"),
            Text(("31%",), 690, 275, 34, colour="#1f2430"),
            Text(("21%",), 690, 351, 34, colour="#1f2430"),
            caption("来年の予算について話しましょう", 0.6, 3.6),
        ),
    ),
    Scene(
        "bridge", 7.2,
        "An old red suspension bridge in the rain, closed, with a warning sign in front of it",
        bridge.rainy_strait, bridge.rain,
        lines=(Line(3.5, "Hana", "The bridge has been closed since the storm in May."),),
        texts=(
            Text(("通行止め", "BRIDGE CLOSED"), 640, 511, 46, colour="#ffd54a"),
            caption("The storm damaged two cables", 3.4, 6.8),
        ),
    ),
    Scene(
        "chase", 8.0,
        "A police car with flashing lights chases a red car through the city at night, to music",
        chase.city, chase.pursuit,
        texts=(
            Text(("EXIT 2", "出口"), 640, 168, 40),
            Text((TIMECODE_START,), 1110, 52, 34, "timecode", "timecode"),
        ),
    ),
    Scene(
        "explosion", 7.0,
        "The red car hits a wall and explodes in a ball of fire",
        chase.dead_end, chase.explosion,
        lines=(
            Line(2.0, "Hana", "The red car hits the wall and explodes!"),
            Line(4.6, "Hana", "Luckily, nobody is hurt."),
        ),
        texts=(caption("The driver jumped out in time", 4.4, 6.3),),
    ),
    Scene(
        "old screen", 8.0,
        "The screen of an old computer: a map program, and a dialog with a warning triangle and "
        "three buttons; the pointer clicks Yes",
        screen.desktop, screen.question,
        lines=(
            Line(1.0, "Hana", "On the old computer, a message appears."),
            Line(4.0, "Hana", "Do you want to save your changes before you leave?"),
        ),
        texts=(
            Text(("File    Edit    View    Help",), 330, 90, 28, colour="#15151c"),
            Text(("Map Editor",), 250, 159, 26),
            Text(("Warning",), 420, 269, 26, start=1.0),
            Text(("Save your changes?", "変更を保存しますか？"), 680, 350, 34,
                 colour="#15151c", start=1.0),
            Text(("Yes",), 450, 472, 28, colour="#15151c", start=1.0),
            Text(("No",), 640, 472, 28, colour="#15151c", start=1.0),
            Text(("Cancel",), 830, 472, 28, colour="#15151c", start=1.0),
        ),
        begins="fade",
    ),
    Scene(
        "noodle stall", 7.2,
        "A noodle stall in the evening with red lanterns and steaming bowls; the cook talks",
        stall.evening_stall, stall.serving,
        lines=(
            Line(0.6, "Yuki", "Hot noodles, eight hundred yen a bowl."),
            Line(3.6, "Yuki", "My grandmother wrote this recipe."),
        ),
        texts=(
            Text(("ラーメン 800円", "Ramen 800 yen"), 355, 256, 46, colour="#7a1f1f"),
            Text(("餃子 400円",), 355, 348, 40, colour="#7a1f1f"),
            Text(("港食堂",), 1080, 290, 62, vertical=True),
            caption("これは祖母のレシピです", 3.6, 6.8),
        ),
    ),
    Scene(
        "fireworks", 9.0,
        "Fireworks over the harbour at night, the lighthouse shines",
        harbour.night, harbour.fireworks,
        lines=(
            Line(0.6, "Hana", "The day ends with fireworks over the water."),
            Line(3.8, "Hana", "Good night, and see you tomorrow."),
        ),
        texts=(
            caption("花火で一日が終わります", 0.6, 3.6),
            Text(("See you tomorrow", "また明日"), 560, 600, 54, style="title", start=4.2, end=8.8),
        ),
    ),
)  # fmt: skip

QUESTIONS = (
    Question("q1", "Where does the red car explode?", "en", "explosion",
             ("transcription", "visual_info"),
             "the narrator says it while the picture shows it", demo=True),
    Question("q2", "来年度の予算について話している会議", "ja", "meeting",
             ("texts", "transcription"),
             "the slide and the caption say it in Japanese, the chair in English", demo=True),
    Question("q3", "the old dialog box that asks whether to save changes", "en", "old screen",
             ("texts", "transcription"),
             "the dialog shows the question in both languages, the narrator reads it", demo=True),
    Question("q4", "\"the speed of light\"", "en", "classroom", ("transcription",),
             "a line of dialogue, word for word (the quotation marks belong to the question)", sentence=1),
    Question("q5", "黒板に式を書く先生", "ja", "classroom", ("texts", "visual_info"),
             "the formula and the caption stand on the screen; only the picture shows who writes"),
    Question("q6", "spend more on the bridge and less on parking", "en", "meeting",
             ("transcription",),
             "a sentence that begins in the meeting and ends over the picture of the bridge",
             sentence=1),
    Question("q7", "通行止めの橋", "ja", "bridge", ("texts", "transcription"),
             "the sign says it in Japanese, the narrator in English"),
    Question("q8", "how much is a bowl of noodles", "en", "noodle stall",
             ("transcription", "texts"), "the cook says the price, the board shows it"),
    Question("q9", "祖母のレシピ", "ja", "noodle stall", ("texts", "transcription"),
             "the caption in Japanese, the sentence in English", sentence=1),
    Question("q10", "a white boat passing the lighthouse", "en", "harbour",
             ("transcription", "texts"), "said, and captioned in Japanese", sentence=1),
    Question("q11", "花火", "ja", "fireworks", ("texts", "transcription"),
             "a one-word question: the caption in Japanese, the sentence in English", sentence=0),
    Question("q12", "night scene with a running timecode and an exit sign", "en", "chase",
             ("texts", "visual_info"), "no one speaks: only what is written and seen helps"),
    Question("q13", "高速道路の出口の標識", "ja", "chase", ("texts",),
             "the green sign stands there for the whole scene"),
)  # fmt: skip

UNANSWERABLE = ("a penguin on a skateboard", "雪の中の結婚式")
