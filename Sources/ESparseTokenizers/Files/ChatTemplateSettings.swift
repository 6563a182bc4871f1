// How a tokenizer's files name its chat templates and the tokens that these write.

extension TokenizerSettings {
    /// Takes over templates by name: the one called `default`, else the first, is the usual one.
    mutating func readChatTemplates(_ templates: [NamedChatTemplate]) {
        let usual = templates.first { $0.name == "default" } ?? templates.first
        chatTemplate = usual?.text
        namedChatTemplates = templates.filter { $0.name != usual?.name }
    }

    /// Gives the tokens that are known by their use the names that templates call them by.
    mutating func nameUsualTokens() {
        namedTokens["bos_token"] = beginningOfSequence
        namedTokens["eos_token"] = endOfSequence
        namedTokens["unk_token"] = unknown
        namedTokens["pad_token"] = padding
    }
}
