// Inflates gzip with zlib, up to a limit, so that hostile files cannot fill the memory.

import CZlib
import ESparseCore

/// Gzip decompression.
package enum Gzip {
    /// Whether bytes start as a gzip file does.
    package static func isCompressed(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
    }

    /// Inflates all members of a gzip file.
    ///
    /// - Parameter limit: most bytes that may come out.
    /// - Throws: `FormatError` when the file is cut short, damaged, followed by other bytes, or expands too far.
    package static func decompress(_ bytes: [UInt8], path: String, limit: Int) throws(FormatError) -> [UInt8] {
        var output: [UInt8] = []
        var position = 0
        repeat {
            position += try inflateMember(bytes, from: position, path: path, limit: limit, into: &output)
        } while position < bytes.count
        return output
    }

    /// Inflates the member that starts at `position`; returns its length in the file.
    private static func inflateMember(
        _ bytes: [UInt8], from position: Int, path: String, limit: Int, into output: inout [UInt8]
    ) throws(FormatError) -> Int {
        var stream = unsafe z_stream()
        let gzipWindow = MAX_WBITS + 16
        guard unsafe inflateInit2_(&stream, gzipWindow, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .corruptGzip(path: path, reason: "zlib cannot start")
        }
        defer { unsafe inflateEnd(&stream) }
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var consumed = position
        while true {
            // zlib counts in 32 bits, so large files are handed over in parts.
            let inputCount = min(bytes.count - consumed, 1 << 30)
            let (status, used, made) = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe chunk.withUnsafeMutableBufferPointer { room in
                    unsafe stream.next_in = UnsafeMutablePointer(
                        mutating: input.baseAddress.map { unsafe $0 + consumed })
                    unsafe stream.avail_in = UInt32(inputCount)
                    unsafe stream.next_out = room.baseAddress
                    unsafe stream.avail_out = UInt32(room.count)
                    let status = unsafe inflate(&stream, Z_NO_FLUSH)
                    return unsafe (status, inputCount - Int(stream.avail_in), room.count - Int(stream.avail_out))
                }
            }
            consumed += used
            guard made <= limit - output.count else { throw .expandsTooFar(path: path, limit: limit) }
            output.append(contentsOf: chunk[..<made])
            switch status {
            case Z_STREAM_END: return consumed - position
            case Z_OK where used > 0 || made > 0: continue
            case Z_OK, Z_BUF_ERROR:
                guard consumed < bytes.count else {
                    throw .corruptGzip(path: path, reason: "it ends too early")
                }
                throw .corruptGzip(path: path, reason: "no progress at byte \(consumed)")
            default:
                let message = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "error \(status)"
                throw .corruptGzip(path: path, reason: "\(message) at byte \(consumed)")
            }
        }
    }
}
