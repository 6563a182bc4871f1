// The files of a Hugging Face folder that hold chat templates beside the usual one.

/// Chat templates in a folder of their own.
package enum ChatTemplateFiles {
    private static let folder = "additional_chat_templates"

    /// The names of those files, relative to the model's folder.
    package static func additional(in model: String) -> [String] {
        let names = (try? FileSystem.names(in: model + "/" + folder)) ?? []
        return names.filter { $0.hasSuffix(".jinja") }.map { folder + "/" + $0 }
    }

    /// What the template in such a file is called.
    package static func template(in name: String) -> String {
        String(name.dropFirst(folder.count + 1).dropLast(".jinja".count))
    }
}
