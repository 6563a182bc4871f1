// The folder of a reproduction: its files, and what a resumed run finds in it.

import ESparseCore
import ESparseFormats
import FoundationEssentials

/// A reproduction's folder.
///
/// | name | what |
/// |---|---|
/// | `reproduction.json` | settings and digests of the inputs |
/// | `experiments/ID.json` | the record of a finished experiment |
/// | `experiments/channels.json` | what `prune --diagnostics` wrote |
/// | `work/ID/` | pruned model and records of finished steps of the experiment in progress |
/// | `results.json`, `report.md`, `report.html` | the results so far |
package struct ReproductionFolder: Sendable {
    /// Name of the experiment that writes `channels.json`.
    package static let diagnosticsName = "diagnostics"

    /// Where that experiment's file goes.
    package static func channelsPath(in folder: String) -> String { folder + "/experiments/channels.json" }

    /// The folder.
    package let path: String
    private let lock: FolderLock

    /// What a run depends on, by name.
    private struct Description: Codable {
        let reproduction: [String: String]
    }

    /// Makes the folder, or opens that of an unfinished or finished run.
    ///
    /// - Parameter description: settings and digests by name; a resumed run must have the same ones.
    /// - Throws: `ReproductionError`; `FormatError` where another process is at work in it; `FileError`.
    package init(_ path: String, description: [String: String], resume: Bool) throws {
        self.path = path
        let descriptionPath = path + "/reproduction.json"
        if FileSystem.exists(path) {
            guard resume else { throw ReproductionError.exists(path: path) }
            let isStarted = FileSystem.exists(descriptionPath)
            guard FileSystem.isFolder(path), try isStarted || FileSystem.names(in: path).allSatisfy(Self.isOwn) else {
                throw ReproductionError.notAReproduction(path: path)
            }
        } else {
            try FileSystem.createFolder(path)
        }
        lock = try FolderLock(folder: path)
        for folder in ["experiments", "work"] where !FileSystem.exists("\(path)/\(folder)") {
            try FileSystem.createFolder("\(path)/\(folder)")
        }
        guard FileSystem.exists(descriptionPath) else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            let bytes = try encoder.encode(Description(reproduction: description))
            try FileSystem.writeDurably(Array(bytes), to: descriptionPath)
            return
        }
        let found: Description
        do {
            found = try JSONDecoder().decode(Description.self, from: Data(FileSystem.read(descriptionPath)))
        } catch is DecodingError {
            throw ReproductionError.notAReproduction(path: path)
        }
        let differences = Self.differences(was: found.reproduction, is: description)
        guard differences.isEmpty else { throw ReproductionError.changed(path: path, differences: differences) }
    }

    /// Whether a run leaves a file of this name before it writes its description.
    private static func isOwn(_ name: String) -> Bool {
        [FolderLock.fileName, "experiments", "work"].contains(name) || name.hasPrefix("reproduction.json")
    }

    private static func differences(was: [String: String], is now: [String: String]) -> [String] {
        Set(was.keys).union(now.keys).sorted().compactMap { key in
            was[key] == now[key] ? nil : "\(key) was \(was[key] ?? "absent") and is \(now[key] ?? "absent")"
        }
    }

    // MARK: records

    private func recordPath(_ id: String) -> String { "\(path)/experiments/\(id).json" }

    /// The record of a finished experiment; nil where there is none.
    package func record(_ id: String) throws -> ExperimentRecord? {
        guard FileSystem.exists(recordPath(id)) else { return nil }
        return try ExperimentRecord(json: FileSystem.read(recordPath(id)), path: recordPath(id))
    }

    /// Makes a finished experiment's record durable, and removes what it worked with.
    package func finish(_ record: ExperimentRecord) throws {
        try FileSystem.writeDurably(record.json, to: recordPath(record.id))
        try removeTree(workPath(record.id))
    }

    // MARK: an experiment in progress

    /// Where an experiment works.
    package func workPath(_ id: String) -> String { "\(path)/work/\(id)" }

    /// Makes an experiment's working folder where it is missing.
    package func prepare(_ id: String) throws {
        if !FileSystem.exists(workPath(id)) { try FileSystem.createFolder(workPath(id)) }
    }

    private func stepPath(_ id: String, _ index: Int) -> String { "\(workPath(id))/step-\(index).json" }

    /// The record of a finished step of an experiment in progress.
    package func step(_ id: String, _ index: Int) throws -> StepRecord? {
        let path = stepPath(id, index)
        guard FileSystem.exists(path) else { return nil }
        return try StepRecord(json: FileSystem.read(path), path: path)
    }

    /// Makes a finished step's record durable.
    package func finish(_ step: StepRecord, of id: String, _ index: Int) throws {
        try FileSystem.writeDurably(step.value.serialized(indented: true), to: stepPath(id, index))
    }

    /// Removes a file or a folder with all it holds; nothing happens where there is none.
    package func removeTree(_ path: String) throws {
        guard FileSystem.exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw FileError(path: path, operation: "remove", code: 5)
        }
    }
}
