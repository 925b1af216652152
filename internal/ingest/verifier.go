package ingest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	svix "github.com/svix/svix-webhooks/go"
)

// minKey is the least length of a decoded secret, in bytes. One observed delivery is enough to guess keys offline against its
// signature; 128 bits put that out of reach. Svix makes 24 bytes, and Standard Webhooks allows 24 to 64. No secret at all is worse than
// a short one: svix 1.44.0 then verifies whatever is signed with the empty key.
const minKey = 16

// maxSecrets bounds the work that one forged delivery causes: a signature is computed for each secret.
const maxSecrets = 8

// verifier knows the secrets of one instance. It is immutable.
type verifier struct{ webhooks []*svix.Webhook }

// newVerifier takes secrets that checkSecrets has accepted.
func newVerifier(secrets []string) (*verifier, error) {
	v := &verifier{}
	for i, s := range secrets {
		w, err := svix.NewWebhook(s)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.webhooks = append(v.webhooks, w)
	}
	return v, nil
}

// verify checks the signature over the raw body with each secret in turn and returns the index of the one that fits. While secrets
// rotate, a delivery may carry several signatures or an old one.
func (v *verifier) verify(body []byte, h http.Header) (index int, refusal outcome) {
	for i, w := range v.webhooks {
		err := w.Verify(body, h)
		if err == nil {
			return i, stored
		}
		// Anything but a mismatch is wrong under every secret.
		if refusal = refusalOf(err); refusal != signatureMismatch {
			return 0, refusal
		}
	}
	return 0, signatureMismatch
}

// refusalOf reads the text, for the library does not export its errors; a test holds it to these. An unknown text is a mismatch: the
// answer stays a refusal.
func refusalOf(err error) outcome {
	switch err.Error() {
	case "Missing Required Headers":
		return signatureMissing
	case "Invalid Signature Headers":
		return headersMalformed
	case "Message timestamp too old":
		return timestampTooOld
	case "Message timestamp too new":
		return timestampTooNew
	}
	return signatureMismatch
}

// deliveryID returns the id that the signature covers: of the svix-* headers if all three are there, else of their webhook-* aliases
// (Standard Webhooks). It must choose exactly as the library does. Taking any svix-id that happens to be there would let a sender put a
// fresh, unsigned id beside three valid webhook-* headers, and so append one delivery as many events.
func deliveryID(h http.Header) (id string, refusal outcome) {
	id = first(h, "Svix-Id")
	if id == "" || first(h, "Svix-Signature") == "" || first(h, "Svix-Timestamp") == "" {
		id = first(h, "Webhook-Id")
		if id == "" || first(h, "Webhook-Signature") == "" || first(h, "Webhook-Timestamp") == "" {
			return "", signatureMissing
		}
	}
	if !validID(id) {
		return "", headersMalformed
	}
	return id, stored
}

// first is Header.Get without making the name canonical.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// validID bounds the id, which is stored three times in a message's headers, and keeps dots out: what is signed is id.timestamp.body, and
// with a dot in the id its borders could be moved (Standard Webhooks forbids it for that reason). Svix's ids are msg_ and 27 letters.
func validID(id string) bool {
	if len(id) > 255 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '.' {
			return false
		}
	}
	return true
}

// checkSecrets reports what is wrong with one instance's secrets by their number, never by their text, and returns their keys.
func checkSecrets(secrets []string, report func(format string, args ...any)) (keys []string) {
	switch {
	case len(secrets) == 0:
		report("is missing: it is the whsec_… of the endpoint in Clerk's dashboard")
	case len(secrets) > maxSecrets:
		report("has %d secrets, at most %d are tried", len(secrets), maxSecrets)
	}
	for i, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		switch {
		case err != nil:
			report("secret %d is not whsec_ and base64", i+1)
			continue
		case len(key) < minKey:
			report("secret %d has %d bytes, fewer than %d: it could be guessed from one delivery", i+1, len(key), minKey)
			continue
		}
		for j, other := range keys {
			if other == string(key) {
				report("secret %d repeats secret %d", i+1, j+1)
			}
		}
		keys = append(keys, string(key))
	}
	return keys
}
