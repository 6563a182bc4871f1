// Random mutations of sound files must end in a value or an error, never in a crash.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

/// Deterministic: iteration `i` of a format is always the same input. ESPARSE_FUZZ_ITERATIONS sets how many inputs each
/// format gets; a crash is reproduced by the same number.
@Suite struct FuzzTests {
    static let iterations = ProcessInfo.processInfo.environment["ESPARSE_FUZZ_ITERATIONS"].flatMap { Int($0) } ?? 2_000

    /// Numbers at the edges of what lengths and offsets can be.
    static let edges: [UInt64] = [
        0, 1, 7, 31, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 32, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 7, .max,
    ]

    /// One to four mutations: flipped bits, edge values, cuts, repeats, insertions, and swapped digits in text.
    static func mutate(_ original: [UInt8], _ random: inout SeededRandom, headLength: Int) -> [UInt8] {
        var bytes = original
        for _ in 0...random.integer(below: 4) where !bytes.isEmpty {
            // Most mutations go where the structure is.
            let range = random.integer(below: 8) == 0 ? bytes.count : min(bytes.count, headLength)
            let place = random.integer(below: range)
            switch random.integer(below: 8) {
            case 0: bytes[place] ^= 1 << UInt8(random.integer(below: 8))
            case 1: bytes[place] = UInt8(random.integer(below: 256))
            case 2:
                let edge = littleEndian(edges[random.integer(below: edges.count)])
                let width = [2, 4, 8][random.integer(below: 3)]
                for (offset, byte) in edge.prefix(width).enumerated() where place + offset < bytes.count {
                    bytes[place + offset] = byte
                }
            case 3: bytes.removeLast(random.integer(below: bytes.count))
            case 4:
                let end = min(bytes.count, place + 1 + random.integer(below: 40))
                bytes.removeSubrange(place..<end)
            case 5:
                let end = min(bytes.count, place + 1 + random.integer(below: 40))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            case 6:
                let pieces = [
                    "{", "}", "[", "]", "\"", ",", ":", "-", "1e9", "9223372036854775807", "\\u", "null", "0",
                ]
                bytes.insert(contentsOf: Array(pieces[random.integer(below: pieces.count)].utf8), at: place)
            default:
                if let digit = bytes[place...].firstIndex(where: { $0 >= 0x30 && $0 <= 0x39 }) {
                    bytes[digit] = 0x30 + UInt8(random.integer(below: 10))
                }
            }
        }
        return bytes
    }

    /// Runs `read` on mutations; counts how many were accepted, so that a fuzz that tests nothing is noticed.
    static func fuzz(_ seeds: [[UInt8]], headLength: Int = 4096, stream: UInt64, _ read: ([UInt8]) throws -> Void) {
        var random = SeededRandom(seed: 20_231_015, stream: stream)
        var accepted = 0
        for iteration in 0..<iterations {
            let bytes = mutate(seeds[iteration % seeds.count], &random, headLength: headLength)
            do {
                try read(bytes)
                accepted += 1
            } catch {
                // Any error is fine; only a crash is not.
            }
        }
        print("fuzz stream \(stream): \(iterations) inputs, \(accepted) accepted")
        #expect(accepted > 0 && accepted < iterations)
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
        let seed = try FileSystem.read(fixture("tiny-llama3.gguf"))
        Self.fuzz([seed], headLength: 1200, stream: 3) { bytes in
            let file = try GGUFFile(path: "fuzz", storage: ByteStorage(copying: bytes))
            let weights = try GGUFWeights(file: file)
            _ = try GGUFArchitecture(metadata: file.metadata).configuration(file: file)
            for name in weights.tensorNames { _ = try weights.tensor(name) }
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
