// The processor's profile on disk: its place and the fields of its entries.

package import ESparseCPU
package import ESparseCore
package import ESparseFormats

extension ProfileFile<LinearTraits> {
    /// The profile of this kind of processor.
    package static var processor: ProfileFile {
        ProfileFile(
            format: "esparse-kernel-profile", machine: ["processor": Processor.name],
            cacheName: ("kernels", Processor.name), otherMachine: { .otherProcessor(path: $0) })
    }
}

extension LinearTraits: ProfiledKind {
    /// Reads the fields that `entry(_:)` writes.
    package init?(entry: JSONValue) {
        guard let instructionSet = entry["instruction_set"]?.text.flatMap(InstructionSet.init(rawValue:)),
            let precision = entry["precision"]?.text.flatMap(Precision.init(rawValue:)),
            let elementType = entry["element_type"]?.text.flatMap(ElementType.init(rawValue:)),
            elementType.isFloatingPoint, precision == .float32 || elementType == .bfloat16,
            let pattern = entry["pattern"]?.text.flatMap(SparsityPattern.init(_:)),
            let rows = entry["rows"]?.integer, let columns = entry["columns"]?.integer,
            rows > 0, columns > 0, columns % pattern.group == 0
        else { return nil }
        self.init(
            rows: rows, columns: columns, pattern: pattern, elementType: elementType, precision: precision,
            instructionSet: instructionSet)
    }

    /// Reads a list of kernels with the bounds of their classes.
    package static func choices(in entry: JSONValue) -> [KernelChoice<Never>]? {
        guard let items = entry["kernels"]?.array, items.map({ $0["up_to_tokens"]?.integer }) == TokenClass.bounds
        else { return nil }
        return items.compactMap { item in
            item["kernel"]?.text.flatMap(LinearKernels.name).map { KernelChoice($0) }
        }
    }

    /// All fields flat beside "kernels".
    package func entry(_ choices: [KernelChoice<Never>]) -> JSONValue {
        .sorted([
            "instruction_set": .text(instructionSet.rawValue), "precision": .text(precision.rawValue),
            "element_type": .text(elementType.rawValue), "pattern": .text(pattern?.description ?? ""),
            "rows": .integer(rows), "columns": .integer(columns),
            "kernels": .array(
                zip(TokenClass.bounds, choices).map { bound, choice in
                    .sorted(["up_to_tokens": .integer(bound), "kernel": .text(choice.kernel.rawValue)])
                }),
        ])
    }
}
