// Reads the little-endian fields of a GGUF header one after another, never past the end of the file.

import ESparseCore

/// A position in a GGUF file. Every read checks first that the bytes are there; every count is checked against the bytes
/// that its elements need at least, so that no memory is allocated for a length the file does not back.
struct GGUFCursor {
    let path: String
    let storage: ByteStorage
    private(set) var position = 0

    init(path: String, storage: ByteStorage) {
        self.path = path
        self.storage = storage
    }

    /// Bytes from here to the end.
    var remaining: Int { storage.byteCount - position }

    /// The next integer.
    mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ type: Integer.Type, _ part: String
    ) throws(FormatError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard size <= remaining else {
            throw .truncated(path: path, part: part, needed: UInt64(size), available: remaining)
        }
        defer { position += size }
        return unsafe storage.withUnsafeBytes { bytes in
            unsafe Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Integer.self))
        }
    }

    /// The next 64-bit count of things that take at least `minimumSize` bytes each.
    mutating func count(of part: String, minimumSize: Int) throws(FormatError) -> Int {
        let count = try integer(UInt64.self, "the number of \(part)")
        let (needed, overflow) = count.multipliedReportingOverflow(by: UInt64(minimumSize))
        guard !overflow, needed <= UInt64(remaining) else {
            throw .truncated(
                path: path, part: "a list of \(count) \(part)", needed: overflow ? .max : needed, available: remaining)
        }
        return Int(count)
    }

    /// The next text: a 64-bit length and that many bytes; invalid UTF-8 becomes U+FFFD.
    mutating func string(_ part: String) throws(FormatError) -> String {
        let length = try count(of: "bytes of \(part)", minimumSize: 1)
        defer { position += length }
        return unsafe storage.withUnsafeBytes { bytes in
            unsafe String(
                decoding: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + length)]), as: UTF8.self)
        }
    }
}

// Metadata values.
extension GGUFCursor {
    /// The next value: a 32-bit type and what belongs to it.
    mutating func value(of key: String) throws(FormatError) -> GGUFValue {
        let type = try integer(UInt32.self, "the type of \(key)")
        if let value = try scalar(type, key) { return value }
        guard type == 9 else { throw unknownType(type, key) }
        let elementType = try integer(UInt32.self, "the element type of \(key)")
        guard let size = GGUFCursor.minimumSizes[elementType] else { throw unknownType(elementType, key) }
        let count = try count(of: "elements of \(key)", minimumSize: size)
        switch elementType {
        case 8:
            var strings: [String] = []
            strings.reserveCapacity(count)
            for _ in 0..<count { strings.append(try string("an element of \(key)")) }
            return .strings(strings)
        case 6, 12:
            var numbers: [Float] = []
            numbers.reserveCapacity(count)
            for _ in 0..<count {
                if case .number(let value)? = try scalar(elementType, key) { numbers.append(Float(value)) }
            }
            return .numbers(numbers)
        case 7:
            var bools: [Bool] = []
            bools.reserveCapacity(count)
            for _ in 0..<count { bools.append(try integer(UInt8.self, key) != 0) }
            return .bools(bools)
        default:
            var integers: [Int] = []
            integers.reserveCapacity(count)
            for _ in 0..<count {
                if case .integer(let value)? = try scalar(elementType, key) { integers.append(value) }
            }
            return .integers(integers)
        }
    }

    /// Bytes an element of each type takes at least; arrays in arrays are not allowed, as in ggml's own reader.
    private static let minimumSizes: [UInt32: Int] = [
        0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 10: 8, 11: 8, 12: 8,
    ]

    private func unknownType(_ type: UInt32, _ key: String) -> FormatError {
        let reason = type == 9 ? "is an array of arrays, which is not supported" : "has the unknown type \(type)"
        return .invalidField(path: path, field: key, reason: reason)
    }

    /// The next value of a type that is not an array, or nil for other types.
    private mutating func scalar(_ type: UInt32, _ key: String) throws(FormatError) -> GGUFValue? {
        switch type {
        case 0: return .integer(Int(try integer(UInt8.self, key)))
        case 1: return .integer(Int(try integer(Int8.self, key)))
        case 2: return .integer(Int(try integer(UInt16.self, key)))
        case 3: return .integer(Int(try integer(Int16.self, key)))
        case 4: return .integer(Int(try integer(UInt32.self, key)))
        case 5: return .integer(Int(try integer(Int32.self, key)))
        case 6: return .number(Double(Float(bitPattern: try integer(UInt32.self, key))))
        case 7: return .bool(try integer(UInt8.self, key) != 0)
        case 8: return .string(try string(key))
        case 10:
            let value = try integer(UInt64.self, key)
            guard let fitting = Int(exactly: value) else {
                throw .invalidField(path: path, field: key, reason: "is \(value), which does not fit 63 bits")
            }
            return .integer(fitting)
        case 11: return .integer(Int(try integer(Int64.self, key)))
        case 12: return .number(Double(bitPattern: try integer(UInt64.self, key)))
        default: return nil
        }
    }
}
