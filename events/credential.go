package events

import (
	"bytes"
	"strings"
)

// when says for which events a value is a credential: a set, for a name and a value may each have their say.
type when uint8

const (
	never  when = 0
	always when = 1 << (iota - 1)
	inMessages
	inInvitations
	inDirectories
)

// whenNamed decides by a member's name, and for the url of an invitation by the object it stands in. Credentials are matched wherever they
// stand, in every type, known or not: Clerk adds fields and copies objects into each other without notice, and a code that reaches
// the stream stays there.
func whenNamed(parent, name []byte, keepPrivateMetadata bool) when {
	switch string(name) {
	case "otp_code", "backup_codes", "external_verification_redirect_url":
		return always
	case "private_metadata":
		if !keepPrivateMetadata {
			return always
		}
	case "url":
		if isInvitation(string(parent)) {
			return always
		}
		if string(parent) == "data" {
			return inInvitations
		}
	case "api_key":
		return inDirectories // elsewhere it is what somebody keeps in metadata under that name
	case "subject", "body", "body_plain", "message", "action_url", "magic_link", "ticket", "token":
		return inMessages
	}
	return never
}

// isInvitation covers invitation, organizationInvitation, pending_invitations…
func isInvitation(object string) bool { return strings.Contains(object, "nvitation") }

func isMessage(object string) bool { return object == ObjectEmail || object == ObjectSMS }

// whenLink decides by a value: a link that carries a sign-up ticket is a credential under any name, one that carries a token only in a
// message, for elsewhere such links are signed picture addresses, which are no secret and belong to the read model. Only what has a
// slash is a link: nobody shall lose an address like ticket=7@mail.example.
func whenLink(raw []byte) when {
	link := bytes.ToLower(unquote(raw))
	switch {
	case hasParameter(link, "ticket") && (bytes.IndexByte(link, '/') >= 0 || bytes.Contains(link, []byte("%2f"))):
		return always
	case hasParameter(link, "token"):
		return inMessages
	}
	return never
}

// hasParameter looks for name=, also where the link stands percent-encoded in the query of another.
func hasParameter(link []byte, name string) bool {
	return bytes.Contains(link, []byte(name+"=")) || bytes.Contains(link, []byte(name+"%"))
}

// traces are what betrays a credential in a text that has no structure; \u00 could hide any of them.
var traces = []string{
	"otp_code", "backup_codes", "external_verification_redirect_url", "private_metadata", "nvitation", "ticket", "token",
	`"subject"`, `"body"`, `"body_plain"`, `"message"`, "action_url", "magic_link", `\u00`,
}

// firstTrace is where the first of them stands, or -1.
func firstTrace(text []byte) int {
	first := -1
	for _, trace := range traces {
		if i := bytes.Index(text, []byte(trace)); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}
