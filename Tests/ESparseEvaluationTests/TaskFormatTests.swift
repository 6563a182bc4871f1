// Reading items: hand-made prompts for each data set's formats, and one clear sentence for everything else.

import ESparseCore
import ESparseEvaluation
import ESparseFormats
import Testing

/// Records of ARC in the form of its copy on Hugging Face.
private enum ARC {
    static func record(texts: String = #""x", "y""#, labels: String, answer: String) -> String {
        #"{"question": "q", "choices": {"text": [\#(texts)], "label": [\#(labels)]}, "answerKey": "\#(answer)"}"#
    }
}

@Suite struct TaskFormatTests {
    private func items(_ task: String, _ text: String, ending: String = "jsonl") throws -> [TaskItem] {
        let path = try EvaluationFixtures.file(task + "." + ending, Array(text.utf8))
        return try TaskSource.parse(path)[0].task.items(path)
    }

    @Test func prompts() throws {
        let choices = #"[{"text": "x", "label": "A"}, {"text": "yé", "label": "B"}]"#
        let arc = try items(
            "arc_easy", #"{"question": {"stem": "S?", "choices": \#(choices)}, "answerKey": "B"}"#)[0]
        #expect(arc.requests.map(\.context) == ["Question: S?\nAnswer:", "Question: S?\nAnswer:"])
        #expect(arc.requests.map(\.continuation) == [" x", " yé"])
        #expect(arc.gold == 1 && arc.choiceLengths == [1, 2] && arc.target == "1")

        let book = try items(
            "openbookqa",
            #"{"question_stem": "S", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": " A"}"#)[0]
        #expect(book.requests[1] == LikelihoodRequest(context: "S", continuation: " y") && book.gold == 0)

        let scene = try items(
            "hellaswag",
            #"{"activity_label": "Cook", "ctx_a": "A [step] pan  is hot.", "ctx_b": "the MAN", "label": "1", "#
                + #""endings": [" a [x]b ", "c [title] d"]}"#)[0]
        #expect(scene.requests[0] == LikelihoodRequest(context: "Cook: A pan is hot. The man", continuation: " a b"))
        #expect(scene.requests[1].continuation == " c. d")
        #expect(scene.gold == 1)

        let gap = try items(
            "winogrande", #"{"sentence": "The _ is  old. ", "option1": "cup", "option2": "pan", "answer": "2"}"#)[0]
        #expect(gap.requests.map(\.context) == ["The cup", "The pan"])
        #expect(gap.requests.map(\.continuation) == [" is  old.", " is  old."] && gap.gold == 1)
        #expect(gap.target == "is  old.")

        let passage = #"{"question": "is it", "passage": "P", "title": "T", "answer": true}"#
        let yes = try items("boolq", passage + "\n" + #"{"question": "q", "passage": "P", "label": 0, "idx": 3}"#)
        #expect(yes[0].requests[1].context == "T -- P\nQuestion: is it?\nAnswer:")
        #expect(yes[0].requests[1].continuation == " yes")
        #expect(yes[0].gold == 1 && yes[1].gold == 0 && yes[1].requests[0].continuation == " no" && yes[1].line == 2)

        let goal = try items("piqa", #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 1}"#)[0]
        #expect(goal.requests[1] == LikelihoodRequest(context: "Question: g\nAnswer:", continuation: " b"))
        #expect(goal.gold == 1)

        let word = try items("lambada_standard", "a b  c\r\n\nd\n", ending: "txt")
        #expect(word.map(\.requests[0].context) == ["a b ", ""])
        #expect(word.map(\.requests[0].continuation) == [" c", " d"])
        #expect(word.map(\.line) == [1, 3])
    }

    @Test func tables() throws {
        let rows = "index\tsentence1\tsentence2\tlabel\n0\tHe said \"no\".\tHe spoke.\tentailment\n"
        let entailed = try items("rte", rows, ending: "tsv")[0]
        #expect(entailed.requests[0].context == "He said \"no\".\nQuestion: He spoke. True or False?\nAnswer:")
        #expect(
            entailed.requests.map(\.continuation) == [" True", " False"] && entailed.gold == 0 && entailed.line == 2)
    }

    @Test func labelsComeFromTheFileBeside() throws {
        let path = try EvaluationFixtures.file("piqa.jsonl", Array(#"{"goal": "g", "sol1": "a", "sol2": "b"}"#.utf8))
        let labels = path.replacing(".jsonl", with: "-labels.lst")
        try FileSystem.writeDurably(Array("1\n".utf8), to: labels)
        #expect(try TaskSource.parse(path)[0].task.items(path)[0].gold == 1)
        // A byte order mark, as some editors put it first.
        try FileSystem.writeDurably([0xEF, 0xBB, 0xBF] + Array("0\n".utf8), to: labels)
        #expect(try TaskSource.parse(path)[0].task.items(path)[0].gold == 0)
        try FileSystem.writeDurably(Array("1\n0\n".utf8), to: labels)
        #expect(throws: EvaluationError.labelCount(path: labels, labels: 2, items: 1)) {
            try TaskSource.parse(path)[0].task.items(path)
        }
    }

    @Test(arguments: [
        ("arc_easy", #"{"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}}"#, "is missing"),
        ("arc_easy", ARC.record(labels: #""A", "B""#, answer: "E"), "\"E\""),
        ("arc_easy", ARC.record(texts: "", labels: "", answer: "A"), "at least two"),
        ("arc_easy", ARC.record(texts: #""x", """#, labels: #""A", "B""#, answer: "A"), "empty"),
        ("arc_easy", ARC.record(labels: #""A", "A""#, answer: "A"), "label of"),
        ("arc_easy", #"{"question": {"stem": "q"}, "answerKey": "A"}"#, "question.choices"),
        ("arc_easy", #"{"goal": "q"}"#, "\"question\" is missing"),
        ("arc_easy", #"["q"]"#, "object"),
        ("arc_easy", #"{"question": "q""#, "malformed JSON at byte 16"),
        (
            "hellaswag", #"{"activity_label": "", "ctx_a": "", "ctx_b": "", "endings": ["x", "y"], "label": ""}"#,
            "is missing"
        ),
        ("hellaswag", #"{"activity_label": "", "ctx_a": "", "ctx_b": "", "endings": ["x", "y"], "label": 2}"#, "\"2\""),
        (
            "hellaswag", #"{"activity_label": "", "ctx_a": "", "ctx_b": 7, "endings": ["x", "y"], "label": 0}"#,
            "a number"
        ),
        ("winogrande", #"{"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"}"#, "gap"),
        ("winogrande", #"{"sentence": "a _", "option1": "a", "option2": "b", "answer": "1"}"#, "after its gap"),
        ("piqa", #"{"goal": "g", "sol1": "a", "sol2": "b", "label": -1}"#, "answer is missing"),
        ("piqa", #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 1e300}"#, "must be a label"),
        ("rte", #"{"premise": "g", "hypothesis": "a", "label": "maybe"}"#, "entailment, not_entailment"),
        ("lambada_openai", #"{"text": "a "}"#, "last word is empty"),
        ("boolq", #"{"ctx": "c", "choices": ["x", "y"], "gold": 2}"#, "number 2"),
        ("boolq", #"{"ctx": "c", "choices": ["x", "y"], "gold": -9223372036854775808}"#, "number -9"),
        ("boolq", #"{"ctx": "c", "choices": ["x", "y"], "gold": "0"}"#, "\"gold\" must be"),
        ("boolq", #"{"ctx": "c", "choices": "xy", "gold": 0}"#, "list of at least two"),
        ("boolq", #"{"contexts": ["c", "d"], "continuation": "", "gold": 0}"#, "empty"),
    ])
    func aWrongRecordIsNamedByItsLine(task: String, record: String, reason: String) throws {
        do {
            _ = try items(task, "\n" + record)
            Issue.record("\(record) was read")
        } catch let error as FormatError {
            #expect("\(error)".contains("\(task).jsonl, line 2: ") && "\(error)".contains(reason), "\(error)")
        }
    }

    @Test func wrongFilesAreRefused() throws {
        func refusal(_ name: String, _ bytes: [UInt8]) throws -> String {
            let path = try EvaluationFixtures.file(name, bytes)
            do {
                _ = try ZeroShotTask.known(named: "piqa")?.items(path)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(try refusal("a.jsonl", Array("{\"goal\": \"".utf8) + [0xE9, 0x22, 0x7D]).contains("is not UTF-8"))
        #expect(try refusal("a.txt", [0x61, 0x0A, 0xFF, 0xFE]).contains("line 2: the line is not UTF-8"))
        #expect(try refusal("a.csv", Array("a,b\n".utf8)).contains("this kind of file is not supported"))
        #expect(try refusal("a.tsv", Array("a\tb\nx\n".utf8)).contains("line 2: the line has 1 fields"))
        #expect(try refusal("a.tsv", Array("a\ta\nx\ty\n".utf8)).contains("twice"))
        #expect(try refusal("a.jsonl", []).contains("no items"))
        #expect(try refusal("a.jsonl", Array("PAR1....".utf8)).contains("Parquet is not supported"))
        #expect(try refusal("a.parquet", Array("x".utf8)).contains(".jsonl, "))
    }

    @Test func selection() throws {
        let path = try EvaluationFixtures.file("hellaswag_val.jsonl", [])
        let folder = FileSystem.parent(of: path)
        try FileSystem.writeDurably([], to: folder + "/ARC-Easy-Test.jsonl.gz")
        try FileSystem.writeDurably([], to: folder + "/README.md")
        let found = try TaskSource.parse(folder + "/")
        #expect(found.map(\.task.name) == ["arc_easy", "hellaswag"])
        #expect(found.map(\.path) == [folder + "/ARC-Easy-Test.jsonl.gz", path])
        let named = try TaskSource.parse("PIQA=x=1.jsonl,own=y.jsonl,\(path)")
        #expect(named.map(\.task.name) == ["piqa", "own", "hellaswag"] && named[0].path == "x=1.jsonl")
        #expect(throws: EvaluationError.unknownTask(path: "x.jsonl")) { try TaskSource.parse("x.jsonl") }
        #expect(throws: EvaluationError.noTasks(folder: "/dev/fd")) { try TaskSource.parse("/dev/fd") }
        #expect(throws: EvaluationError.invalidTaskName("../a")) { try TaskSource.parse("../a=x.jsonl") }
        #expect(throws: EvaluationError.repeatedName("a")) { try EvaluationReport.requireDistinct(["a", "b", "a"]) }
    }
}
