// A digest of kernels and their compilations. It detects changes, not malice.

/// FNV-1a of 128 bits (Fowler, Noll and Vo; http://www.isthe.com/chongo/tech/comp/fnv).
package struct KernelDigest: Hashable {
    private(set) var value: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d

    /// The digest of no bytes.
    package init() {}

    /// The digest of bytes.
    package init(_ bytes: some Sequence<UInt8>) { extend(by: bytes) }

    /// Adds more bytes.
    package mutating func extend(by bytes: some Sequence<UInt8>) {
        let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b
        for byte in bytes { value = (value ^ UInt128(byte)) &* prime }
    }

    /// Adds a text and a mark of its end, so that "a", "bc" and "ab", "c" differ.
    package mutating func extend(by text: String) {
        extend(by: text.utf8)
        extend(by: CollectionOfOne(0xff))
    }

    /// 32 hexadecimal digits.
    package var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
