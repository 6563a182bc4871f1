// A device's profile on disk, which lies beside the processor's: its place and the fields of its entries.

package import ESparseCUDA
package import ESparseCore
package import ESparseFormats

extension ProfileFile<CUDALinearTraits> {
    /// The profile of a kind of device, by its name, and arithmetic.
    package static func device(_ name: String, type: HalfType) -> ProfileFile {
        ProfileFile(
            format: "esparse-device-profile", machine: ["device": name, "type": type.rawValue],
            cacheName: ("device", "\(name) \(type.rawValue)"), otherMachine: { .otherDevice(path: $0) })
    }
}

extension CUDALinearTraits: ProfiledKind {
    /// Reads the fields of "traits".
    package init?(entry: JSONValue) {
        guard let traits = entry["traits"], let rows = traits["rows"]?.integer,
            let columns = traits["columns"]?.integer, rows > 0, columns > 0,
            let pattern = traits["pattern"]?.text.flatMap(SparsityPattern.init(_:)), columns % pattern.group == 0,
            let compresses = traits["compresses"]?.boolean
        else { return nil }
        self.init(rows: rows, columns: columns, pattern: pattern, compresses: compresses)
    }

    /// Reads a list of kernels, cuSPARSELt's with its algorithm.
    package static func choices(in entry: JSONValue) -> [KernelChoice<SparseAlgorithm>]? {
        let choices = entry["kernels"]?.array?.map { item -> KernelChoice<SparseAlgorithm>? in
            guard let kernel = item["kernel"]?.text.flatMap(CUDALinearKernel.init(rawValue:))?.name else { return nil }
            guard let fields = item["algorithm"] else { return KernelChoice(kernel) }
            return SparseAlgorithm(fields).map { KernelChoice(kernel, parameter: $0) }
        }
        return choices?.contains(nil) == false ? choices?.compactMap(\.self) : nil
    }

    /// The traits, and the choices in order of `TokenClass.bounds`.
    package func entry(_ choices: [KernelChoice<SparseAlgorithm>]) -> JSONValue {
        var traits: [String: JSONValue] = [
            "rows": .integer(rows), "columns": .integer(columns), "compresses": .boolean(compresses),
        ]
        traits["pattern"] = pattern.map { .text($0.description) }
        let kernels = choices.map { choice in
            var fields: [String: JSONValue] = ["kernel": .text(choice.kernel.rawValue)]
            fields["algorithm"] = choice.parameter?.json
            return JSONValue.sorted(fields)
        }
        return .sorted(["traits": .sorted(traits), "kernels": .array(kernels)])
    }
}

extension SparseAlgorithm {
    fileprivate init?(_ fields: JSONValue) {
        func number(_ name: String) -> Int32? { fields[name]?.integer.flatMap(Int32.init(exactly:)) }
        guard let identifier = number("identifier"), let splitCount = number("splitCount"),
            let splitMode = number("splitMode"), let splitBuffers = number("splitBuffers")
        else { return nil }
        self.init(identifier: identifier, splitCount: splitCount, splitMode: splitMode, splitBuffers: splitBuffers)
    }

    fileprivate var json: JSONValue {
        .sorted([
            "identifier": .integer(Int(identifier)), "splitCount": .integer(Int(splitCount)),
            "splitMode": .integer(Int(splitMode)), "splitBuffers": .integer(Int(splitBuffers)),
        ])
    }
}
