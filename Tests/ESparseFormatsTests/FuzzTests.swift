// Random mutations of sound files must end in a value or an error, never in a crash.

import ESparseCore
import ESparseFormats
import ESparseTestSupport
import Testing

@Suite struct FuzzTests {
    static func fuzz(_ seeds: [[UInt8]], headLength: Int = 4096, stream: UInt64, _ read: ([UInt8]) throws -> Void) {
        let outcome = Fuzz(seeds: seeds, stream: stream, headLength: headLength, iterations: 2_000).run(read)
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    @Test func safetensors() throws {
        let seeds = try [
            "sharded/model-00001-of-00002.safetensors", "sharded/model-00002-of-00002.safetensors",
        ].map { try FileSystem.read(fixture($0)) }
        Self.fuzz(seeds, stream: 1) { bytes in
            let file = try SafetensorsFile(path: "fuzz", storage: ByteStorage(copying: bytes))
            for name in file.entries.keys.sorted() {
                let tensor = try file.tensor(name)
                _ = tensor.columns
                _ = firstNonFinite(in: tensor)
            }
        }
    }

    @Test func gguf() throws {
        let seeds = try ["quants.gguf", "tiny-llama3.gguf"].map { try FileSystem.read(fixture($0)) }
        Self.fuzz(seeds, headLength: 1200, stream: 2) { bytes in
            let file = try GGUFFile(path: "fuzz", storage: ByteStorage(copying: bytes))
            for name in file.entries.keys.sorted() { _ = firstNonFinite(in: try file.tensor(name)) }
        }
    }

    @Test func ggufAsAModel() throws {
        func read(_ bytes: [UInt8]) throws {
            let files = try GGUFFiles(files: [GGUFFile(path: "fuzz", storage: ByteStorage(copying: bytes))])
            let weights = try GGUFWeights(files: files)
            _ = try GGUFConfiguration(metadata: files.metadata).json(files: files)
            for name in weights.tensorNames { _ = try weights.tensor(name) }
        }
        let seeds =
            try [FileSystem.read(fixture("tiny-llama3.gguf"))] + GGUFModelFixture.names.map(Self.withoutTokens)
        for seed in seeds { try read(seed) }
        Self.fuzz(seeds, headLength: 1200, stream: 3, read)
    }

    /// A model without its tokens and matrices, so that most mutations go to what tells architectures apart.
    private static func withoutTokens(_ name: String) throws -> [UInt8] {
        let file = try GGUFFile(path: fixture("gguf/\(name).gguf"))
        var bytes = GGUFBytes()
        for (key, value) in file.metadata.values.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .integer(let value): bytes.addInteger(key, UInt32(clamping: value))
            case .number(let value): bytes.addValue(key, type: 6, littleEndian(Float(value).bitPattern))
            case .string(let text): bytes.addString(key, text)
            default: continue
            }
        }
        for (name, entry) in file.entries.sorted(by: { $0.key < $1.key }) where entry.shape.count == 1 {
            let values = [Float](repeating: 1.5, count: entry.shape[0])
            bytes.addTensor(name, dimensions: [UInt64(values.count)], type: 0, offset: UInt64(bytes.data.count))
            bytes.data += values.flatMap { littleEndian($0.bitPattern) }
            bytes.data += [UInt8](repeating: 0, count: (32 - bytes.data.count % 32) % 32)
        }
        bytes.addTensor("token_embd.weight", dimensions: [4, 0], type: 0, offset: UInt64(bytes.data.count))
        return bytes.bytes
    }

    @Test func ggufParts() throws {
        let seeds = try (1...3).map { try FileSystem.read(fixture("gguf/split-0000\($0)-of-00003.gguf")) }
        let whole = try seeds.map { try GGUFFile(path: "seed", storage: ByteStorage(copying: $0)) }
        var turn = 0
        Self.fuzz(seeds, headLength: 300, stream: 10) { bytes in
            let place = turn % seeds.count
            turn += 1
            var files = whole
            files[place] = try GGUFFile(path: "fuzz", storage: ByteStorage(copying: bytes))
            let parts = try GGUFFiles(files: files)
            for name in parts.names { _ = parts.entry(name) }
            _ = try GGUFWeights(files: parts).tensorNames
        }
    }

    @Test func indexAndConfiguration() throws {
        let index = try FileSystem.read(fixture("sharded/" + ShardedSafetensors.indexName))
        let config = Array(try Checkpoint.open(fixture("tiny-llama3.gguf")).configuration)
        Self.fuzz([index], stream: 4) { _ = try ShardedSafetensors.weightMap($0, path: "fuzz") }
        Self.fuzz([config], stream: 5) { bytes in
            let value = try JSONParser.parse(bytes)
            #expect(try JSONParser.parse(value.serialized(indented: false)) == value)
        }
    }

    @Test func manifest() throws {
        let record = SparseCheckpointTests.record("X.weight")
        let seed = try SparseManifest(run: SparseCheckpointTests.run, linears: [record]).json()
        Self.fuzz([seed], stream: 6) { _ = try SparseManifest(json: $0, path: "fuzz") }
    }

    @Test func packedTensors() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model.safetensors"
        try SafetensorsWriter.write(
            StoredWeight.tensors(name: "X.weight", weight: SparseCheckpointTests.linear()), to: path)
        let seed = try FileSystem.read(path)
        Self.fuzz([seed], stream: 7) { bytes in
            let file = try SafetensorsFile(path: "model.safetensors", storage: ByteStorage(copying: bytes))
            let files = try ShardedSafetensors(folder: "fuzz", files: [file])
            let weights = try FolderWeights(files: files, patterns: ["X.weight": .twoOfFour])
            for name in weights.tensorNames {
                let weight = try weights.linearWeight(name)
                if case .sparse(let matrix) = weight.matrix {
                    _ = try matrix.decompressed(permutation: weight.permutation)
                }
            }
        }
    }

    @Test func texts() throws {
        let seed = try FileSystem.read(fixture("lines.jsonl.gz"))
        Self.fuzz([seed], stream: 8) { _ = try Gzip.decompress($0, path: "fuzz", limit: 1 << 20) }
        let plain = try Gzip.decompress(seed, path: "seed", limit: 1 << 20)
        Self.fuzz([plain], stream: 9) { _ = try TextFile.lines($0, path: "fuzz") }
    }
}
