// The digest by which the hub names a file's contents, and its computation.

import Crypto

/// The digest that is a file's ETag on the hub: SHA-256 of large files, Git's blob id (SHA-1) of small ones.
package struct ContentDigest: Sendable, Hashable {
    /// Lower-case hexadecimal digits, 64 or 40 of them.
    package let text: String

    /// Reads an `ETag` or `X-Linked-Etag` header; nil where it is neither digest.
    package init?(etag: String) {
        let strong = etag.hasPrefix("W/") ? etag.dropFirst(2) : etag[...]
        let isQuoted = strong.utf8.count >= 2 && strong.hasPrefix("\"") && strong.hasSuffix("\"")
        let digits = isQuoted ? strong.dropFirst().dropLast() : strong
        guard [40, 64].contains(digits.utf8.count), digits.utf8.allSatisfy(isHexadecimalDigit) else { return nil }
        text = String(digits)
    }

    /// What the digest is called, for messages.
    package var name: String { text.utf8.count == 64 ? "SHA-256" : "Git blob id" }

    /// A computation of the same kind of digest.
    package func computation(byteCount: Int) -> Computation { Computation(isSHA256: text.utf8.count == 64, byteCount) }

    /// A digest that takes a file's bytes in order.
    package struct Computation: Sendable {
        private enum State: Sendable {
            case sha256(SHA256)
            case gitBlob(Insecure.SHA1)
        }

        private var state: State

        fileprivate init(isSHA256: Bool, _ byteCount: Int) {
            if isSHA256 {
                state = .sha256(SHA256())
            } else {
                // Git hashes a header before the contents.
                var hash = Insecure.SHA1()
                hash.update(data: Array("blob \(byteCount)\0".utf8))
                state = .gitBlob(hash)
            }
        }

        /// Takes the next bytes.
        package mutating func update(_ bytes: [UInt8]) {
            switch state {
            case .sha256(var hash):
                hash.update(data: bytes)
                state = .sha256(hash)
            case .gitBlob(var hash):
                hash.update(data: bytes)
                state = .gitBlob(hash)
            }
        }

        /// Lower-case hexadecimal digits of the digest of the bytes so far.
        package var text: String {
            switch state {
            case .sha256(let hash): Self.hexadecimal(hash.finalize())
            case .gitBlob(let hash): Self.hexadecimal(hash.finalize())
            }
        }

        private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
            let digits = Array("0123456789abcdef")
            return bytes.reduce(into: "") { $0 += "\(digits[Int($1 >> 4)])\(digits[Int($1 & 15)])" }
        }
    }
}
