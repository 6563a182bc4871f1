// Records of the commands that were run and their results, kept as JSON for resumed runs.

package import ESparseFormats

/// A command that was run, with its result.
package struct StepRecord: Sendable, Equatable {
    /// Arguments of `esparse`, without `--json`.
    package let arguments: [String]
    /// From its start to its end.
    package let seconds: Double
    /// Whether it went on with work that an earlier process had begun, so that `seconds` is not all of it.
    package let isResumed: Bool
    /// What it wrote with `--json`.
    package let result: JSONValue

    /// Makes a record.
    package init(arguments: [String], seconds: Double, isResumed: Bool, result: JSONValue) {
        self.arguments = arguments
        self.seconds = seconds
        self.isResumed = isResumed
        self.result = result
    }

    /// Reads a record.
    ///
    /// - Throws: `ReproductionError.damagedRecord`.
    package init(json: [UInt8], path: String) throws(ReproductionError) {
        try self.init(ExperimentRecord.parse(json, path: path), path: path)
    }

    fileprivate init(_ value: JSONValue, path: String) throws(ReproductionError) {
        guard let arguments = value["arguments"]?.array?.compactMap(\.text), let seconds = value["seconds"]?.double,
            let isResumed = value["resumed"]?.boolean, let result = value["result"]
        else { throw .damagedRecord(path: path, reason: "a field is missing") }
        self.init(arguments: arguments, seconds: seconds, isResumed: isResumed, result: result)
    }

    /// The record as JSON.
    package var value: JSONValue {
        .sorted([
            "arguments": .array(arguments.map { .text($0) }), "seconds": .number(seconds),
            "resumed": .boolean(isResumed), "result": result,
        ])
    }
}

/// A finished experiment.
package struct ExperimentRecord: Sendable, Equatable {
    /// The experiment's name.
    package let id: String
    /// For people.
    package let title: String
    /// In order.
    package let steps: [StepRecord]

    /// Makes a record.
    package init(id: String, title: String, steps: [StepRecord]) {
        self.id = id
        self.title = title
        self.steps = steps
    }

    /// Reads a record.
    ///
    /// - Throws: `ReproductionError.damagedRecord`.
    package init(json: [UInt8], path: String) throws(ReproductionError) {
        let value = try Self.parse(json, path: path)
        guard let id = value["id"]?.text, let title = value["title"]?.text, let steps = value["steps"]?.array else {
            throw .damagedRecord(path: path, reason: "a field is missing")
        }
        self.id = id
        self.title = title
        var records: [StepRecord] = []
        for step in steps { records.append(try StepRecord(step, path: path)) }
        self.steps = records
    }

    /// UTF-8 text.
    package var json: [UInt8] {
        JSONValue.sorted([
            "id": .text(id), "title": .text(title), "steps": .array(steps.map(\.value)),
        ]).serialized(indented: true)
    }

    /// The result of the first step whose arguments begin with `words`.
    package func result(of words: String...) -> JSONValue? {
        steps.first { $0.arguments.starts(with: words) }?.result
    }

    fileprivate static func parse(_ json: [UInt8], path: String) throws(ReproductionError) -> JSONValue {
        do {
            return try JSONParser.parse(json)
        } catch {
            throw .damagedRecord(path: path, reason: "\(error.reason) at byte \(error.offset)")
        }
    }
}

extension JSONValue {
    /// A number, or nil for anything else.
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}
