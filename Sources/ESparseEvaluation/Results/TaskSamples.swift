// Writes every item with the model's answers in the form of lm-eval's samples files, without their hashes.

import ESparseFormats

extension TaskEvaluation {
    /// Name of the task's samples file.
    public var samplesFileName: String { "samples_\(source.task.name).jsonl" }

    /// Writes one JSON object a line for each item, in the order of the file, to `folder/samples_<task>.jsonl`; the file is
    /// complete under its name or not there.
    ///
    /// - Throws: `FileError`.
    public func writeSamples(to folder: String) throws {
        var bytes: [UInt8] = []
        for index in items.indices {
            bytes += sample(index).serialized(indented: false)
            bytes.append(UInt8(ascii: "\n"))
        }
        try FileSystem.writeDurably(bytes, to: FileSystem.trimmed(folder) + "/" + samplesFileName)
    }

    private func sample(_ index: Int) -> JSONValue {
        let item = items[index]
        // lm-eval writes the numbers and Booleans of answers as strings, spelled as in Python.
        let answers = answers[index].map { answer -> JSONValue in
            .array([.text(String(answer.logLikelihood)), .text(answer.isGreedy ? "True" : "False")])
        }
        let arguments = item.requests.enumerated().map { number, request in
            (
                "gen_args_\(number)",
                object([("arg_0", .text(request.context)), ("arg_1", .text(request.continuation))])
            )
        }
        let metrics = source.task.metrics
        return object(
            [
                ("doc_id", .integer(index)), ("doc", item.record), ("target", .text(item.target)),
                ("arguments", object(arguments)), ("resps", .array(answers.map { .array([$0]) })),
                ("filtered_resps", .array(answers)), ("filter", .text("none")),
                ("metrics", .array(metrics.map { .text($0.rawValue) })),
            ]
                + metrics.map { metric in
                    (
                        metric.rawValue,
                        .number(
                            isRight(metric, item: index).map { $0 ? 1 : 0 } ?? self.answers[index][0].logLikelihood)
                    )
                })
    }
}
