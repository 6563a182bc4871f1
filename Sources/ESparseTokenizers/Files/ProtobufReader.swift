// Reads the wire format of protocol buffers, as far as SentencePiece's model files use it.

/// Walks over the fields of one message.
///
/// Hand-written rather than swift-protobuf: three message types with a dozen fields need no generated code, and the limits on what
/// a hostile file may ask for are in one place.
struct ProtobufReader {
    /// A field's value.
    enum Value {
        /// Integers, Booleans and enumerations.
        case number(UInt64)
        /// Four bytes: a float.
        case fixed32(UInt32)
        /// Eight bytes.
        case fixed64(UInt64)
        /// Strings, bytes and messages: where they lie.
        case bytes(Range<Int>)
    }

    /// Bytes that are not a message.
    struct Malformed: Error {
        let offset: Int
        let reason: String
    }

    private let bytes: [UInt8]
    private let end: Int
    private var position: Int

    /// Starts at the beginning of the message in `range` of `bytes`.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or nil at the end.
    ///
    /// - Throws: `Malformed` where the field does not fit the message, or is of a kind that no model file has.
    mutating func next() throws(Malformed) -> (number: UInt64, value: Value)? {
        guard position < end else { return nil }
        let key = try varint()
        let value: Value
        switch key & 7 {
        case 0: value = .number(try varint())
        case 1: value = .fixed64(try fixed(8))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - position) else { throw malformed("a field is longer than what is left") }
            value = .bytes(position..<(position + Int(length)))
            position += Int(length)
        case 5: value = .fixed32(UInt32(try fixed(4)))
        default: throw malformed("wire type \(key & 7) is not known")
        }
        guard key >> 3 > 0 else { throw malformed("field number 0") }
        return (key >> 3, value)
    }

    private func malformed(_ reason: String) -> Malformed { Malformed(offset: position, reason: reason) }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < end else { throw malformed("a number is cut short") }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw malformed("a number has more than ten bytes")
    }

    private mutating func fixed(_ count: Int) throws(Malformed) -> UInt64 {
        guard end - position >= count else { throw malformed("a number is cut short") }
        defer { position += count }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
    }
}
