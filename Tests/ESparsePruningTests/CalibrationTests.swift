// Cutting calibration sequences out of documents, keeping hidden states in a file, and choosing linears by name.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparsePruning
import FoundationEssentials
import Testing

@Suite struct CalibrationTests {
    @Test func sequencesAreCutFromTheJoinedDocumentsWithoutOverlap() throws {
        let documents: [[Int32]] = [Array(1...40), [], Array(100...160)]
        let set = try CalibrationSet(documents: documents, separator: 0, sampleCount: 4, sequenceLength: 20, seed: 7)
        let stream = Array(1...40) + [0] + Array(100...160)
        var position = 0
        for sequence in set.sequences {
            #expect(sequence.count == 20)
            let start = try #require(stream.firstIndex(of: Int(sequence[0])))
            #expect(start >= position)
            #expect(sequence.map(Int.init) == Array(stream[start..<(start + 20)]))
            position = start + 20
        }
    }

    @Test func sameSeedSameCutOtherSeedOtherCut() throws {
        func cut(_ seed: UInt64) throws -> CalibrationSet {
            try CalibrationSet(
                documents: [Array(0..<5000)], separator: 0, sampleCount: 8, sequenceLength: 100, seed: seed)
        }
        #expect(try cut(1) == cut(1))
        #expect(try cut(1) != cut(2))
    }

    @Test(arguments: [0, 1, 2] as [UInt64]) func heldOutSequencesShareNoTokenWithTheOthers(_ seed: UInt64) throws {
        let documents: [[Int32]] = [Array(1...700), Array(701...2000)]
        let used = try CalibrationSet(
            documents: documents, separator: 0, sampleCount: 10, sequenceLength: 50, seed: seed)
        let heldOut = try CalibrationSet.heldOut(
            6, documents: documents, separator: 0, sampleCount: 10, sequenceLength: 50, seed: seed)
        #expect(heldOut.sequences.count == 6 && heldOut.sequences.allSatisfy { $0.count == 50 })
        // Every token but the separator is in the text once.
        let tokens = (used.sequences + heldOut.sequences).joined().filter { $0 != 0 }
        #expect(Set(tokens).count == tokens.count)
        for sequence in heldOut.sequences {
            let text = sequence.filter { $0 != 0 }
            for (token, next) in zip(text, text.dropFirst()) { #expect(next == token + 1) }
        }
        // They are spread over the text.
        #expect(heldOut.sequences[5][49] - heldOut.sequences[0][0] > 1000)
    }

    @Test func tooLittleHeldOutTextSaysHowMuchThereIs() {
        let error = #expect(throws: CalibrationError.self) {
            try CalibrationSet.heldOut(
                3, documents: [Array(0..<10)], separator: 0, sampleCount: 2, sequenceLength: 4, seed: 0)
        }
        guard case .tooLittleHeldOutText(needed: 3, found: let found, length: 4) = error else {
            Issue.record("\(error as Any)")
            return
        }
        #expect(found == 0)
    }

    @Test func exactlyEnoughTextIsUsedWhole() throws {
        let set = try CalibrationSet(
            documents: [[1, 2, 3], [4, 5]], separator: 9, sampleCount: 3, sequenceLength: 2, seed: 0)
        #expect(set.sequences == [[1, 2], [3, 9], [4, 5]])
    }

    @Test func firstTokensAreEvenlySpacedInTheSet() {
        let set = CalibrationSet(sequences: [[1, 2, 3, 4], [5, 6, 7, 8]])
        #expect(set.appendingFirstTokens(sequenceCount: 0) == set)
        #expect(set.appendingFirstTokens(sequenceCount: 1).sequences == set.sequences + [[1, 3, 5, 7]])
        #expect(set.appendingFirstTokens(sequenceCount: 2).sequences == set.sequences + set.sequences)
    }

    @Test func tooLittleTextSaysHowMuchIsMissing() {
        let error = #expect(throws: CalibrationError.self) {
            try CalibrationSet(documents: [[1, 2, 3]], separator: 0, sampleCount: 2, sequenceLength: 4, seed: 0)
        }
        #expect(error == .tooLittleText(needed: 8, found: 3, samples: 2, length: 4))
        #expect(error?.description.contains("5 are missing") == true)
    }

    @Test func hiddenStatesComeBackAsWrittenAndAfterReopening() throws {
        let states = TemporaryHiddenStates()
        let file = try states.open(sequenceCount: 3, valuesPerSequence: 5)
        try states.write([1, 2, 3, 4, 5], 2, to: file)
        try states.write([-1, .infinity, 0, 0.5, 9], 0, to: file)
        try file.synchronize()
        let again = try states.open(sequenceCount: 3, valuesPerSequence: 5)
        #expect(try states.read(0, of: again) == [-1, .infinity, 0, 0.5, 9])
        #expect(try states.read(1, of: again) == [0, 0, 0, 0, 0])
        #expect(try states.read(2, of: again) == [1, 2, 3, 4, 5])
        let longer = try states.open(sequenceCount: 4, valuesPerSequence: 5)
        #expect(throws: FileError.self) { try states.read(3, of: longer) }
        #expect(throws: FileError.self) {
            try HiddenStateFile(path: "/nowhere/at/all", sequenceCount: 1, valuesPerSequence: 1)
        }
    }

    @Test func longHiddenStatesAreMovedInPieces() throws {
        let states = TemporaryHiddenStates()
        // A piece is 256 KiB: two whole ones and a bit.
        let values = (0..<131_075).map { Float($0) }
        let file = try states.open(sequenceCount: 2, valuesPerSequence: values.count)
        try states.write(values, 1, to: file)
        #expect(try states.read(1, of: file) == values)
        try states.write(values.reversed(), 0, to: file)
        #expect(try states.read(0, of: file) == values.reversed())
        #expect(try states.read(1, of: file) == values)
        // The last piece is missing.
        let longer = try states.open(sequenceCount: 1, valuesPerSequence: 3 * values.count)
        #expect(throws: FileError.self) { try states.read(0, of: longer) }
    }

    @Test(arguments: [
        ("*", "anything", true), ("", "", true), ("", "a", false), ("*.q_proj.*", "model.layers.0.q_proj.weight", true),
        ("*.q_proj", "model.layers.0.q_proj.weight", false), ("layer?.w", "layer1.w", true),
        ("layer?.w", "layer10.w", false), ("*a*b*", "xxaxxbxx", true), ("*a*b", "ab", true), ("*a*b", "ba", false),
    ])
    func globs(pattern: String, name: String, matches: Bool) { #expect(Glob(pattern).matches(name) == matches) }

    @Test func hostileGlobsAreNotExponential() {
        let pattern = String(repeating: "*a", count: 60) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 2000)))
    }
}

/// A file of hidden states of its own, removed with the last reference, and threads to move them on.
private final class TemporaryHiddenStates {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent(
        "hidden-\(UInt64.random(in: 0...UInt64.max))"
    ).path
    private let pool = ThreadPool(threadCount: 2)

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func open(sequenceCount: Int, valuesPerSequence: Int) throws -> HiddenStateFile {
        try HiddenStateFile(path: path, sequenceCount: sequenceCount, valuesPerSequence: valuesPerSequence)
    }

    func read(_ sequence: Int, of file: HiddenStateFile) throws -> [Float] {
        var values = [Float](repeating: .nan, count: file.valuesPerSequence)
        var span = values.mutableSpan
        try file.read(sequence: sequence, into: &span) { pool.run(count: $0, $1) }
        return values
    }

    func write(_ values: [Float], _ sequence: Int, to file: HiddenStateFile) throws {
        try file.write(values.span, sequence: sequence) { pool.run(count: $0, $1) }
    }
}
