// What an evaluation has measured so far, in a file, so that a stopped run goes on where it was.

import ESparseFormats
import FoundationEssentials

/// The figures of every batch of windows or items that was measured, one durable line a batch.
///
/// The first line says which run it is: a run with other settings, another model or another text is refused. Figures are kept by
/// their bits and batches are cut as in an uninterrupted run, so the result is the same to the last bit.
public final class EvaluationJournal {
    private let file: JournalFile?
    private var figures: [String: [Double]] = [:]
    /// The first line, until there is a batch to follow it: a run that measured nothing leaves nothing behind.
    private var header: [UInt8]?

    /// Where the journal of a result lies.
    package static func path(ofResult path: String) -> String { path + ".progress" }

    /// Refuses a result whose run was stopped, for a run that does not go on with it.
    ///
    /// - Throws: `EvaluationError.unfinished`; `FormatError.runInProgress` while that run is at work; `FileError`.
    public static func requireNone(ofResult path: String) throws {
        let path = Self.path(ofResult: path)
        guard FileSystem.exists(path), try JournalFile(path: path).lines.count > 1 else { return }
        throw EvaluationError.unfinished(journal: path)
    }

    /// Keeps nothing, for a run whose result goes to no file.
    public init() { file = nil }

    /// Starts a journal, or goes on with one of the same run.
    ///
    /// - Parameters:
    ///   - result: the file that the run's result goes to; the journal lies beside it.
    ///   - run: what the run depends on, by name.
    ///   - resume: whether a journal that is there is gone on with.
    /// - Throws: `EvaluationError.unfinished` where a journal is there and `resume` is false, `.damagedJournal`;
    ///   `FormatError.changedRun` where it is another run's, `.runInProgress`; `FileError`.
    public init(result: String, run: [String: String], resume: Bool) throws {
        let path = Self.path(ofResult: result)
        let file = try JournalFile(path: path)
        self.file = file
        guard let first = file.lines.first, file.lines.count > 1 else {
            try file.clear()
            header = JSONValue.sorted(run.mapValues { .text($0) }).serialized(indented: false)
            return
        }
        guard resume else { throw EvaluationError.unfinished(journal: path) }
        guard let members = try? JSONParser.parse(first).members else {
            throw EvaluationError.damagedJournal(path, line: 1)
        }
        let earlier = Dictionary(
            members.map { ($0.name, $0.value.text ?? "?") }, uniquingKeysWith: { first, _ in first })
        let differences = Set(run.keys).union(earlier.keys).sorted().filter { run[$0] != earlier[$0] }.map {
            "\($0) was \(earlier[$0] ?? "not given") and is \(run[$0] ?? "not given")"
        }
        guard differences.isEmpty else { throw FormatError.changedRun(path: path, differences: differences) }
        for (number, line) in file.lines.enumerated().dropFirst() {
            guard let value = try? JSONParser.parse(line), let key = value["batch"]?.text,
                let bits = value["figures"]?.array?.map({ $0.text.flatMap { UInt64($0, radix: 16) } }),
                figures.updateValue(bits.compactMap { $0.map(Double.init(bitPattern:)) }, forKey: key) == nil,
                !bits.contains(nil)
            else { throw EvaluationError.damagedJournal(path, line: number + 1) }
        }
    }

    /// The figures of one batch: those in the journal, or those of `measure`, which are then kept.
    ///
    /// - Parameters:
    ///   - stage: what is measured, one name a text or task.
    ///   - batch: number of the batch in its stage.
    ///   - count: how many figures it has.
    ///   - measure: measures the batch.
    /// - Throws: what `measure` throws; `EvaluationError.damagedJournal`; `FileError`.
    func figures(
        of stage: String, batch: Int, count: Int, measure: () throws -> [Double]
    ) throws -> [Double] {
        let key = "\(stage) \(batch)"
        if let known = figures[key] {
            guard known.count == count else { throw damaged() }
            return known
        }
        let measured = try measure()
        precondition(measured.count == count)
        if let header { try file?.append(header) }
        header = nil
        let bits = measured.map { JSONValue.text(String($0.bitPattern, radix: 16)) }
        try file?.append(JSONValue.sorted(["batch": .text(key), "figures": .array(bits)]).serialized(indented: false))
        return measured
    }

    /// What to throw for figures that no run could have written.
    func damaged() -> EvaluationError { .damagedJournal(file?.path ?? "", line: nil) }

    /// Removes the journal once the result is written.
    ///
    /// - Throws: `FileError`.
    public func finish() throws { try file?.remove() }
}
