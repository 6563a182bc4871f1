// The journal of an evaluation: what was measured is kept to the last bit, and nothing else is believed.

import ESparseCPU
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseModels
import Testing

@Suite struct EvaluationJournalTests {
    private let result: String
    private var path: String { result + ".progress" }

    init() throws { result = try EvaluationFixtures.file("result.json", []) }

    private func journal(resume: Bool, run: [String: String] = ["model": "a"]) throws -> EvaluationJournal {
        try EvaluationJournal(result: result, run: run, resume: resume)
    }

    private func lines() throws -> [String] {
        String(decoding: try FileSystem.read(path), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func write(_ text: String) throws { try FileSystem.writeDurably(Array(text.utf8), to: path) }

    /// Perplexity of 3 windows and answers of a task, by a journal.
    private func measure(_ model: LanguageModel<CPUBackend>, _ journal: EvaluationJournal) throws -> [Double] {
        let tokens = (0..<3100 as Range<Int32>).map { ($0 * 37 + 11) % 512 }
        let text = try Perplexity.measure(model, tokens: tokens, sequenceLength: 1000, journal: journal)
        let item = (1...4).map { EncodedRequest(inputs: [1, 2, 3], targets: [$0]) }
        let (answers, counts, _) = try LikelihoodScorer(model).answers(
            to: [item, item], stage: "task", journal: journal)
        return [text.meanNegativeLogLikelihood, Double(counts.computed), Double(counts.separately)]
            + answers.joined().flatMap { [$0.logLikelihood, $0.isGreedy ? 1 : 0] }
    }

    @Test func aRunGoesOnWhereItWasAndGivesTheSameBits() throws {
        let model = try EvaluationFixtures.model(EvaluationFixtures.tinyCheckpoint("tiny-llama"))
        var whole: [Double] = []
        do {
            let journal = try journal(resume: false)
            whole = try measure(model, journal)
        }
        let lines = try lines()
        #expect(lines.count == 1 + 2 + 1, "a line for the run, two batches of windows, one of items")
        // A crash in the middle of the second batch's line; the first batch's figures are made others, to see that they are used.
        let figure = try #require(lines[1].firstMatch(of: /"([0-9a-f]+)"/)).1
        let changed = lines[1].replacing(figure, with: String((Double(1)).bitPattern, radix: 16), maxReplacements: 1)
        try write([lines[0], lines[1], String(lines[2].dropLast(3))].joined(separator: "\n"))
        do {
            let journal = try journal(resume: true)
            let resumed = try measure(model, journal)
            #expect(resumed == whole)
        }
        #expect(try self.lines().dropLast().count == 3)
        try write(lines[0] + "\n" + changed + "\n")
        let journal = try journal(resume: true)
        let other = try measure(model, journal)
        #expect(other[0] != whole[0] && other.dropFirst() == whole.dropFirst())
        try journal.finish()
        #expect(!FileSystem.exists(path))
    }

    @Test func anotherRunAndAnUnfinishedOneAreRefused() throws {
        do { _ = try journal(resume: false) }
        #expect(!FileSystem.exists(path), "nothing was measured")
        try write("{\"model\":\"a\"}\n")
        try EvaluationJournal.requireNone(ofResult: result)
        do { _ = try journal(resume: false, run: ["model": "b"]) }
        #expect(!FileSystem.exists(path))
        try EvaluationJournal.requireNone(ofResult: result)
        #expect(!FileSystem.exists(path), "looking makes no journal")
        try write("{\"model\":\"a\"}\n{\"batch\":\"x 0\",\"figures\":[]}\n")
        #expect(throws: EvaluationError.unfinished(journal: path)) { try journal(resume: false) }
        #expect(throws: EvaluationError.unfinished(journal: path)) {
            try EvaluationJournal.requireNone(ofResult: result)
        }
        #expect(
            throws: FormatError.changedRun(
                path: path, differences: ["model was a and is b", "windows was not given and is 3"])
        ) { try journal(resume: true, run: ["model": "b", "windows": "3"]) }
        let held = try journal(resume: true)
        #expect(throws: FormatError.runInProgress(path: path)) { try journal(resume: true) }
        try held.finish()
    }

    @Test(arguments: [
        "[]", "nothing", #"{"batch":"x 0"}"#, #"{"batch":"x 0","figures":["g"]}"#, #"{"batch":"x 0","figures":[1]}"#,
        "",
    ])
    func whatNoRunWritesIsRefused(line: String) throws {
        try write("{\"model\":\"a\"}\n\(line)\n")
        #expect(throws: EvaluationError.damagedJournal(path, line: 2)) { try journal(resume: true) }
    }

    @Test(arguments: [(["3ff0000000000000"], 3), (["7ff8000000000000", "3ff0000000000000", "0", "0"], 3)])
    func figuresOfAnotherBatchAreRefused(figures: [String], windows: Int) throws {
        let model = try EvaluationFixtures.model(EvaluationFixtures.tinyCheckpoint("tiny-llama"))
        let list = figures.map { "\"\($0)\"" }.joined(separator: ",")
        try write("{\"model\":\"a\"}\n{\"batch\":\"Evaluating 0\",\"figures\":[\(list)]}\n")
        let journal = try journal(resume: true)
        #expect(throws: EvaluationError.damagedJournal(path, line: nil)) {
            try Perplexity.measure(
                model, tokens: [Int32](repeating: 7, count: windows * 8), sequenceLength: 8, journal: journal)
        }
    }
}
