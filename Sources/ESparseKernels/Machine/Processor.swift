// Which processor this is, as far as speed is concerned: its name and its caches.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The processor that this process runs on.
package enum Processor {
    /// One line that tells kinds of processor apart, such as "GenuineIntel 6/143/8 Intel(R) Xeon(R) Platinum 8480+".
    ///
    /// Virtual machines often hide the marketing name, so vendor, family, model and stepping come first, and instructions
    /// that change which kernels exist are named last.
    package static let name: String = {
        let text = (try? systemText("/proc/cpuinfo", limit: 1 << 16)) ?? ""
        let instructions = InstructionSet.available.map(\.rawValue).joined(separator: "+")
        return "\(name(inProcessorInformation: text)) (\(instructions), \(DenseArithmetic.preferred.rawValue))"
    }()

    /// Bytes of the last-level cache; 32 MiB where the system does not say.
    package static let lastLevelCacheBytes: Int = {
        let sizes = (0..<8).compactMap { index -> Int? in
            let path = "/sys/devices/system/cpu/cpu0/cache/index\(index)/size"
            return (try? systemText(path, limit: 64)).flatMap(byteCount(ofCacheSize:))
        }
        return sizes.max() ?? 32 << 20
    }()

    /// Memory that can be had without swapping; nil where the system does not say.
    package static var availableMemoryBytes: Int? {
        guard let text = try? systemText("/proc/meminfo", limit: 1 << 14) else { return nil }
        return kilobytes(of: "MemAvailable", in: text).map { $0 << 10 }
    }

    /// The most memory of this process that was resident at once, mapped files included; 0 where the system does not say.
    package static var peakResidentBytes: Int {
        let text = (try? systemText("/proc/self/status", limit: 1 << 14)) ?? ""
        return (kilobytes(of: "VmHWM", in: text) ?? 0) << 10
    }

    /// The name in the text of /proc/cpuinfo; x86-64 and arm64 have different fields.
    package static func name(inProcessorInformation text: String) -> String {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map(trimmed)
            if parts.count == 2, fields[parts[0]] == nil { fields[parts[0]] = parts[1] }
        }
        func joined(_ keys: [String]) -> String { keys.compactMap { fields[$0] }.joined(separator: "/") }
        let words = [
            fields["vendor_id"] ?? "",
            joined(["cpu family", "model", "stepping"]),
            joined(["CPU implementer", "CPU variant", "CPU part", "CPU revision"]),
            fields["model name"] ?? "",
        ].filter { !$0.isEmpty }
        return words.isEmpty ? "unknown processor" : words.joined(separator: " ")
    }

    /// "48K" or "260M" as bytes.
    package static func byteCount(ofCacheSize text: String) -> Int? {
        let text = trimmed(text[...])
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        guard let last = text.last, let unit = units[last], let count = Int(text.dropLast()), count > 0, count < 1 << 30
        else { return nil }
        return count * unit
    }

    /// The value of a line such as "MemAvailable:  123 kB".
    package static func kilobytes(of field: String, in text: String) -> Int? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(field + ":") }) else { return nil }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
    }

    /// A file of the system's, which has no size that could be mapped.
    package static func systemText(_ path: String, limit: Int) throws(FileError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "open", code: errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(descriptor, buffer.baseAddress.map { unsafe $0 + filled }, limit - filled)
            }
            if count <= 0 { break }
            filled += count
        }
        return String(decoding: bytes[..<filled], as: UTF8.self)
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }
}
