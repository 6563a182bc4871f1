// Fixtures, temporary folders and hand-made files for the tests of the formats.

import ESparseCore
import ESparseFormats
import FoundationEssentials

/// Path of a fixture.
func fixture(_ name: String) -> String {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    return folder.appending(path: "Fixtures").appending(path: name).path
}

/// A folder that is removed with its last reference.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "esparse-formats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file into the folder and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(filePath: path + "/" + name))
        return path + "/" + name
    }
}

/// Little-endian bytes of an integer.
func littleEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Integer(8 * $0)) }
}

/// A safetensors file with any header text and any number of data bytes.
func safetensors(_ header: String, dataCount: Int, claimedLength: UInt64? = nil) -> [UInt8] {
    let text = Array(header.utf8)
    return littleEndian(claimedLength ?? UInt64(text.count)) + text + [UInt8](repeating: 7, count: dataCount)
}

/// Opens safetensors bytes.
func openSafetensors(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(path: "test.safetensors", storage: ByteStorage(copying: bytes))
}

/// Builds GGUF files by hand, sound or not.
struct GGUFBytes {
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var valueCount: UInt64?
    var values: [[UInt8]] = []
    var tensors: [[UInt8]] = []
    var data: [UInt8] = []
    var alignment = 32

    static func text(_ text: String) -> [UInt8] { littleEndian(UInt64(text.utf8.count)) + Array(text.utf8) }

    mutating func addValue(_ key: String, type: UInt32, _ bytes: [UInt8]) {
        values.append(Self.text(key) + littleEndian(type) + bytes)
    }

    mutating func addString(_ key: String, _ value: String) { addValue(key, type: 8, Self.text(value)) }

    mutating func addInteger(_ key: String, _ value: UInt32) { addValue(key, type: 4, littleEndian(value)) }

    mutating func addTensor(_ name: String, dimensions: [UInt64], type: UInt32, offset: UInt64) {
        let dimensionBytes = dimensions.flatMap { littleEndian($0) }
        let parts = [
            Self.text(name), littleEndian(UInt32(dimensions.count)), dimensionBytes, littleEndian(type),
            littleEndian(offset),
        ]
        tensors.append(Array(parts.joined()))
    }

    var bytes: [UInt8] {
        var result = Array("GGUF".utf8)
        result += littleEndian(version)
        result += littleEndian(tensorCount ?? UInt64(tensors.count))
        result += littleEndian(valueCount ?? UInt64(values.count))
        result += values.joined()
        result += tensors.joined()
        result += [UInt8](repeating: 0, count: (alignment - result.count % alignment) % alignment)
        return result + data
    }

    func open() throws -> GGUFFile {
        try GGUFFile(path: "test.gguf", storage: ByteStorage(copying: bytes))
    }
}

/// The error's sentence, or nil where nothing is thrown.
func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}
