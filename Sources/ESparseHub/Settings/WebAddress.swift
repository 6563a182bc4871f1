// Addresses of the hub: their origins, quoting, and where redirects may lead.

package import FoundationEssentials

/// What must be known of http:// and https:// addresses.
package enum WebAddress {
    /// "https://huggingface.co:443", by which two addresses are of one host; nil for any other kind of address.
    package static func origin(of url: URL) -> String? {
        guard let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = url.host?.lowercased(), !host.isEmpty
        else { return nil }
        return "\(scheme)://\(host):\(url.port ?? (scheme == "https" ? 443 : 80))"
    }

    /// A text with everything but letters, digits and `-._~` as %XX.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - keepsSlashes: whether slashes stay as they are.
    package static func quote(_ text: String, keepsSlashes: Bool) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { quoted, byte in
            let scalar = Unicode.Scalar(byte)
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~": quoted.unicodeScalars.append(scalar)
            case "/" where keepsSlashes: quoted.append("/")
            default: quoted += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }

    /// Where a redirect leads.
    ///
    /// - Parameters:
    ///   - location: the answer's `Location`; it may be relative.
    ///   - url: where the answer came from.
    ///   - subject: what is being fetched, for messages.
    /// - Throws: `HubError.badRedirect` when it leads nowhere, to another kind of address, or out of https.
    package static func target(of location: String?, from url: URL, about subject: String) throws(HubError) -> URL {
        guard let location, location.utf8.count <= 16_384,
            let target = URL(string: location, relativeTo: url)?.absoluteURL
        else { throw .badRedirect(about: subject, reason: "the redirect names no address") }
        guard let origin = origin(of: target) else {
            throw .badRedirect(about: subject, reason: "the redirect leads to no http:// or https:// address")
        }
        guard url.scheme?.lowercased() != "https" || target.scheme?.lowercased() == "https" else {
            throw .badRedirect(about: subject, reason: "the redirect to \(origin) would leave https")
        }
        return target
    }
}

extension HubSettings {
    /// The address without what may be secret or long, for messages.
    package var name: String {
        (endpoint.scheme ?? "") + "://" + (endpoint.host ?? "") + (endpoint.port.map { ":\($0)" } ?? "") + endpoint.path
    }

    /// Where the hub says which commit a revision is and which files it has.
    package func listing(of model: HubModel) -> URL? {
        let revision = WebAddress.quote(model.revision, keepsSlashes: false)
        return URL(string: endpoint.absoluteString + "/api/models/\(model.repository)/revision/\(revision)")
    }

    /// Where a file of a commit is.
    package func address(of file: String, commit: String, repository: String) -> URL? {
        let path = WebAddress.quote(file, keepsSlashes: true)
        return URL(string: endpoint.absoluteString + "/\(repository)/resolve/\(commit)/\(path)")
    }
}
