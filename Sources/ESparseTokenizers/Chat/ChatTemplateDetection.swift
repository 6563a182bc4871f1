// Recognises the chat form of a model by its Jinja template or its special tokens.

extension ChatTemplate {
    /// The form of a tokenizer's chats, or nil where it is none of the known ones.
    ///
    /// The Jinja template is searched, not run: its markers give the form, and its literals the default system message
    /// (ChatML) and the date (Llama 3.1 and later; the template's fixed date, not today's). Without a template the special
    /// tokens decide.
    public static func detect(for tokenizer: Tokenizer) -> ChatTemplate? {
        if let template = tokenizer.chatTemplate { return detect(jinja: template) }
        func has(_ token: String) -> Bool { tokenizer.id(ofToken: token) != nil }
        if has("<|im_start|>"), has("<|im_end|>") { return .chatML(defaultSystemMessage: nil) }
        if has("<|start_header_id|>"), has("<|eot_id|>") { return .llama3(systemPreamble: nil) }
        return nil
    }

    /// The form that a Jinja template writes, or nil where it is none of the known ones.
    public static func detect(jinja template: String) -> ChatTemplate? {
        if template.contains("<|im_start|>") { return .chatML(defaultSystemMessage: systemMessage(in: template)) }
        if template.contains("<|start_header_id|>") { return .llama3(systemPreamble: preamble(in: template)) }
        if template.contains("[INST]"), template.contains("<<SYS>>") { return .llama2 }
        return nil
    }

    /// The text of the first literal that is a whole system turn.
    private static func systemMessage(in template: String) -> String? {
        let plain = template.replacing("\\n", with: "\n")
        for turn in plain.split(separator: "<|im_start|>system\n", omittingEmptySubsequences: false).dropFirst() {
            guard let end = turn.firstRange(of: "<|im_end|>") else { continue }
            let message = turn[..<end.lowerBound]
            if !message.isEmpty, !message.contains(where: { "'\"{}+".contains($0) }) { return String(message) }
        }
        return nil
    }

    /// What Llama 3.1 and later put in front of the system message.
    private static func preamble(in template: String) -> String? {
        guard let cutoff = template.firstRange(of: "Cutting Knowledge Date: ") else { return nil }
        let knowledge = template[cutoff.upperBound...].prefix { $0 != "\\" && $0 != "\n" && $0 != "\"" }
        var today = "26 Jul 2024"
        for assignment in ["date_string = \"", "date_string = '"] {
            guard let start = template.firstRange(of: assignment) else { continue }
            today = String(template[start.upperBound...].prefix { $0 != "\"" && $0 != "'" })
        }
        return "Cutting Knowledge Date: \(knowledge)\nToday Date: \(today)\n\n"
    }
}
