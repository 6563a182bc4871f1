// What the system says of this machine and process: the processor's name and caches, free memory, peak memory.

import ESparseCore

/// The processor that this process runs on.
package enum Processor {
    /// One line that tells kinds of processor apart, such as "GenuineIntel 6/143/8 Intel(R) Xeon(R) Platinum 8480+".
    ///
    /// Virtual machines often hide the marketing name, so vendor, family, model and stepping come first; last come the
    /// instruction sets that decide which kernels exist.
    package static let name: String = {
        let text = systemText("/proc/cpuinfo") ?? ""
        let instructions = InstructionSet.available.map(\.rawValue).joined(separator: "+")
        return "\(name(inProcessorInformation: text)) (\(instructions), \(DenseArithmetic.preferred.rawValue))"
    }()

    /// Bytes of all last-level caches together, those of every socket and chiplet; 32 MiB where the system does not say.
    package static let lastLevelCacheBytes: Int = {
        let folder = "/sys/devices/system/cpu/"
        let present = processors(inList: systemText(folder + "present") ?? "")
        return lastLevelCacheBytes(processors: present) { systemText(folder + $0) } ?? 32 << 20
    }()

    /// The same, read from files below /sys/devices/system/cpu; nil where they do not say.
    ///
    /// Each processor's cache of the highest level counts, and one that several share counts once.
    package static func lastLevelCacheBytes(processors: [Int], text: (String) -> String?) -> Int? {
        var sizes: [String: Int] = [:]
        for processor in processors {
            let caches = (0..<8).compactMap { index -> (level: Int, sharers: String, byteCount: Int)? in
                let folder = "cpu\(processor)/cache/index\(index)/"
                guard let level = text(folder + "level").flatMap({ Int(trimmed($0[...])) }),
                    let byteCount = text(folder + "size").flatMap(byteCount(ofCacheSize:))
                else { return nil }
                return (level, text(folder + "shared_cpu_list") ?? "\(processor)", byteCount)
            }
            if let last = caches.max(by: { $0.level < $1.level }) { sizes[last.sharers] = last.byteCount }
        }
        return sizes.isEmpty ? nil : sizes.values.reduce(0, +)
    }

    /// The numbers in a list such as "0-3,8".
    package static func processors(inList text: String) -> [Int] {
        trimmed(text[...]).split(separator: ",").flatMap { range -> [Int] in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first >= 0, first <= last, last < 1 << 16 else {
                return []
            }
            return Array(first...last)
        }
    }

    /// Memory available without swapping; nil where the system does not say.
    package static var availableMemoryBytes: Int? {
        guard let text = systemText("/proc/meminfo") else { return nil }
        return kilobytes(of: "MemAvailable", in: text).map { $0 << 10 }
    }

    /// Peak resident memory of this process, mapped files included; 0 where the system does not say.
    package static var peakResidentBytes: Int {
        let text = systemText("/proc/self/status") ?? ""
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

    /// The text of a system file; nil where there is none.
    private static func systemText(_ path: String) -> String? {
        (try? ByteStream.read(path, limit: 1 << 24)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }
}
