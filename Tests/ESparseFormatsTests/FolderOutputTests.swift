// Folders that are written tensor after tensor: what is there before, what stays after a failure.

import ESparseCore
import ESparseFormats
import Testing

@Suite struct FolderOutputTests {
    private static let entries = [
        SafetensorsLayout.Entry(name: "a", elementType: .float32, shape: [2]),
        SafetensorsLayout.Entry(name: "b", elementType: .float32, shape: [1]),
    ]

    private struct Failure: Error {}

    private static func write(_ path: String, failsAt failing: String? = nil) throws {
        try FolderOutput(path).write(
            entries, files: ["config.json": Array("{}".utf8)], stage: "Writing", progress: SilentProgress()
        ) { entry in
            if entry.name == failing { throw Failure() }
            return try Tensor([Float](repeating: 1, count: entry.shape[0]), shape: entry.shape)
        }
    }

    @Test func theFolderAppearsWhole() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model"
        #expect(throws: Failure.self) { try Self.write(path, failsAt: "b") }
        #expect(try FileSystem.names(in: folder.path).isEmpty)
        try Self.write(path + "/")
        #expect(try FileSystem.names(in: folder.path) == ["model"])
        #expect(try FileSystem.names(in: path) == ["config.json", "model.safetensors"])
        #expect(try FolderWeights(folder: path).tensor("a").floats() == [1, 1])
        #expect(throws: FormatError.outputExists(path: path)) { try Self.write(path) }
    }

    @Test func whatAKilledWriterLeftIsReplaced() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model"
        try FileSystem.createFolder(path + ".partial")
        for name in ["lock", "model.safetensors.partial", "model-00001-of-00002.safetensors"] {
            try folder.write([1], to: "model.partial/" + name)
        }
        try Self.write(path)
        #expect(try FileSystem.names(in: path) == ["config.json", "model.safetensors"])
    }

    @Test func oneWriterAtATime() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model"
        try FolderOutput(path).write(Self.entries, files: [:], stage: "Writing", progress: SilentProgress()) { entry in
            #expect(throws: FormatError.runInProgress(path: path + ".partial")) { try FolderOutput(path) }
            return try Tensor([Float](repeating: 1, count: entry.shape[0]), shape: entry.shape)
        }
        #expect(try FileSystem.names(in: folder.path) == ["model"])
        #expect(try FileSystem.names(in: path) == ["model.safetensors"])
    }

    @Test func othersFoldersStay() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model"
        try FileSystem.createFolder(path + ".partial")
        try folder.write([1], to: "model.partial/mine.txt")
        #expect(throws: FormatError.outputExists(path: path + ".partial")) { try Self.write(path) }
        try folder.write([1], to: "model.partial/run.json")
        #expect(throws: FormatError.unfinishedRun(path: path + ".partial")) { try Self.write(path) }
        #expect(try FileSystem.names(in: path + ".partial") == ["mine.txt", "run.json"])
    }
}
