package auth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// compact is a JWS whose form is good. Nothing of it may be believed before verify.
type compact struct {
	jws    *jose.JSONWebSignature
	header *jose.Header
}

var (
	errForm   = errors.New("three parts of canonical base64url, the first of them a JSON object with text for alg and kid")
	errHeader = errors.New("header names crit or b64")
)

// parse reads the compact form (RFC 7515, 7.1). What the library says of a broken token may quote it, and is left out of the cause.
func parse(text string, algorithms []jose.SignatureAlgorithm, maxBytes int) (compact, error) {
	if len(text) > maxBytes {
		return compact{}, Refuse(CodeTokenTooLarge, fmt.Errorf("%d bytes, more than %d", len(text), maxBytes))
	}
	if !isCanonical(text) {
		return compact{}, Refuse(CodeTokenMalformed, errForm)
	}
	jws, err := jose.ParseSignedCompact(text, algorithms)
	if unexpected, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return compact{}, Refuse(CodeAlgorithmRefused, fmt.Errorf("%.16q", unexpected.Got))
	}
	if err != nil {
		return compact{}, Refuse(CodeTokenMalformed, errForm)
	}
	t := compact{jws: jws, header: &jws.Signatures[0].Protected}
	// RFC 7515, 4.1.11: who does not understand an extension must refuse. The library understands b64 (RFC 7797), which changes what is
	// signed; no token of Clerk has it.
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, present := t.header.ExtraHeaders[name]; present {
			return compact{}, Refuse(CodeHeaderRefused, errHeader)
		}
	}
	return t, nil
}

// isCanonical refuses what the decoder would overlook: line breaks, and bits behind the last byte. Without it one token could be written
// in many ways.
func isCanonical(text string) bool {
	if strings.ContainsAny(text, "\r\n") {
		return false
	}
	for part := range strings.SplitSeq(text, ".") {
		spare := [4]int{1: 0b111111, 2: 0b1111, 3: 0b11}[len(part)%4] // of the last character's bits: those that no byte takes
		if spare > 0 && strings.IndexByte(alphabet, part[len(part)-1])&spare != 0 {
			return false
		}
	}
	return true
}

// alphabet is base64url's. What is not in it has index −1, all bits set.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// text is a header's value, empty when absent; false when it is no text.
func (t compact) text(name jose.HeaderKey) (string, bool) {
	v, present := t.header.ExtraHeaders[name]
	s, ok := v.(string)
	return s, ok || !present
}

// verify checks the signature and returns what it holds for. The slice is the caller's.
func (t compact) verify(key Key) ([]byte, error) {
	if key.Algorithm != "" && key.Algorithm != t.header.Algorithm {
		return nil, Refuse(CodeAlgorithmRefused, fmt.Errorf("key %q is for %s", key.ID, key.Algorithm))
	}
	payload, err := t.jws.Verify(key.Public)
	if err != nil {
		return nil, Refuse(CodeSignatureInvalid, err)
	}
	return payload, nil
}
