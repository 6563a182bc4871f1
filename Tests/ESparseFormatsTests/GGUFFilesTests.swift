// GGUF models in several parts: any part opens all, and parts that do not belong together are refused.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct GGUFFilesTests {
    private static let names = (1...3).map { "split-0000\($0)-of-00003.gguf" }

    /// A copy of the three parts, under another name.
    private func copy(as name: String = "model") throws -> (folder: TemporaryFolder, paths: [String]) {
        let folder = try TemporaryFolder()
        let paths = try Self.names.map { part in
            try folder.write(
                FileSystem.read(fixture("gguf/" + part)), to: name + part.dropFirst("split".count))
        }
        return (folder, paths)
    }

    @Test(arguments: names) func anyPartOpensAll(_ name: String) throws {
        let whole = try Checkpoint.open(fixture("gguf/qwen3.gguf"))
        let parts = try Checkpoint.open(fixture("gguf/" + name))
        #expect(parts.configuration == whole.configuration)
        #expect(parts.weights.tensorNames == whole.weights.tensorNames)
        for name in whole.weights.tensorNames {
            #expect(try parts.weights.tensor(name).floats() == whole.weights.tensor(name).floats())
        }
        #expect(parts.parts == Self.names.map { fixture("gguf/" + $0) })
        #expect(try parts.fileBytes == parts.parts.map { try FileSystem.read($0).count }.reduce(0, +))
        guard case .gguf(let metadata) = parts.tokenizer else {
            Issue.record("the tokenizer is in the first part")
            return
        }
        #expect(try metadata.strings("tokenizer.ggml.tokens")?.isEmpty == false)
    }

    @Test(arguments: 0..<3) func everyPartCountsInTheDigest(_ index: Int) throws {
        let (folder, paths) = try copy()
        let before = try InputDigest.of(Checkpoint.open(paths[0]))
        #expect(try InputDigest.of(Checkpoint.open(paths[2])) == before)
        var bytes = try FileSystem.read(paths[index])
        // The first part has no tensors, but the tokens.
        let isFirst = index == 0
        let place = try #require(
            bytes.indices.last { isFirst ? bytes[$0...].starts(with: "pad".utf8) : bytes[$0] != 0 })
        bytes[place] ^= 1
        try folder.write(bytes, to: String(paths[index].split(separator: "/").last ?? ""))
        #expect(try InputDigest.of(Checkpoint.open(paths[0])) != before)
    }

    @Test func missingAndRenamedParts() throws {
        let (folder, paths) = try copy()
        let first = try FileSystem.read(paths[0])
        try FileManager.default.removeItem(atPath: paths[1])
        #expect(
            message { _ = try Checkpoint.open(paths[2]) }?.contains("\(paths[2]) lacks the shard \(paths[1])") == true)
        let renamed = try folder.write(first, to: "model.gguf")
        let sentence = message { _ = try Checkpoint.open(renamed) }
        #expect(sentence?.contains("tells part 1 of 3, so the file's name must end in -00001-of-00003.gguf") == true)
        // A part under another part's name.
        try folder.write(first, to: "model-00002-of-00003.gguf")
        #expect(
            message { _ = try Checkpoint.open(paths[2]) }?.contains("\"split.no\" is 0 where the parts together")
                == true)
        #expect(message { _ = try Checkpoint.open(paths[1]) }?.contains("rename it") == true)
    }

    /// A part with one tensor of one value.
    private func part(
        _ tensor: String?, index: UInt32?, count: UInt32?, total: UInt32? = nil
    ) throws -> GGUFFile {
        var file = GGUFBytes()
        if let index { file.addInteger("split.no", index) }
        if let count { file.addInteger("split.count", count) }
        if let total { file.addInteger("split.tensors.count", total) }
        file.data = [UInt8](repeating: 0, count: 32)
        if let tensor { file.addTensor(tensor, dimensions: [1], type: 0, offset: 0) }
        return try file.open()
    }

    @Test func partsAgree() throws {
        func sentence(_ files: GGUFFile...) -> String? { message { _ = try GGUFFiles(files: files) } }
        let first = try part("a", index: 0, count: 2, total: 2)
        #expect(sentence(first, try part("b", index: 1, count: 2, total: 2)) == nil)
        #expect(sentence(first, try part("b", index: 1, count: 2)) == nil)
        #expect(
            sentence(first, try part("a", index: 1, count: 2, total: 2))?.contains("more than one tensor named \"a\"")
                == true)
        #expect(sentence(first, try part("b", index: 1, count: 3))?.contains("\"split.count\" is 3 where") == true)
        #expect(sentence(first, try part("b", index: 0, count: 2))?.contains("\"split.no\" is 0 where") == true)
        #expect(sentence(first, try part("b", index: nil, count: nil))?.contains("\"split.count\" is 1 where") == true)
        #expect(
            sentence(first, try part(nil, index: 1, count: 2))?.contains("\"split.tensors.count\" is 2 where") == true)
        #expect(sentence(first)?.contains("\"split.count\" is 2 where") == true)
        #expect(sentence(try part("a", index: 2, count: 2))?.contains("there are only 2 parts") == true)
        #expect(sentence(try part("a", index: 0, count: 1 << 20))?.contains("more parts than") == true)
        // What a merged file keeps of its parts' metadata means nothing.
        #expect(sentence(try part("a", index: 0, count: 0, total: 7)) == nil)
    }

    @Test func absurdNumbersOfPartsEndSoon() throws {
        let folder = try TemporaryFolder()
        var file = GGUFBytes()
        file.addInteger("split.no", 65_534)
        file.addInteger("split.count", 65_535)
        let path = try folder.write(file.bytes, to: "m-65535-of-65535.gguf")
        #expect(message { _ = try GGUFFiles(path: path) }?.contains("m-00001-of-65535.gguf") == true)
    }
}
