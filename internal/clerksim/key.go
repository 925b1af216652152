package clerksim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
)

// signingKey is an instance's RSA key and its id.
type signingKey struct {
	*rsa.PrivateKey
	id string
}

func newSigningKey(id string) *signingKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	return &signingKey{key, id}
}

// rs256 signs as RFC 7518 §3.3 has it.
func (k *signingKey) rs256(input []byte) []byte {
	sum := sha256.Sum256(input)
	signature, err := rsa.SignPKCS1v15(nil, k.PrivateKey, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key of 2048 bits can always sign a digest
	}
	return signature
}

// jwk is the public half (RFC 7517), with the fields that Clerk's has.
func (k *signingKey) jwk() map[string]any {
	return map[string]any{
		"use": "sig", "kty": "RSA", "kid": k.id, "alg": "RS256", "n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes()),
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// compact is a JWS of the given parts (RFC 7515 §3.1).
func compact(header, payload []byte, sign func([]byte) []byte) string {
	input := encode(header) + "." + encode(payload)
	return input + "." + encode(sign([]byte(input)))
}

func (c *Clerk) currentKey() *signingKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == nil {
		c.key = &signingKey{c.cfg.Key, c.cfg.KeyID}
		if c.cfg.Key == nil {
			c.key = newSigningKey(c.cfg.KeyID)
		}
	}
	return c.key
}

// strangerKey is the key of another instance that has the same id.
func (c *Clerk) strangerKey() *signingKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other == nil {
		c.other = newSigningKey(c.cfg.KeyID)
	}
	return c.other
}

// PublicKey is what the keys document serves.
func (c *Clerk) PublicKey() *rsa.PublicKey { return &c.currentKey().PublicKey }

// KeyID is the id under which it does.
func (c *Clerk) KeyID() string { return c.currentKey().id }

// RotateKey replaces the key by a new one of another id. Clerk then knows no token and no session of before; this one keeps the sessions.
func (c *Clerk) RotateKey() {
	key := newSigningKey("ins_" + randomHex(14))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = key
}

// JWKS is the keys document (RFC 7517 §5).
func (c *Clerk) JWKS() []byte {
	return mustJSON(map[string]any{"keys": []any{c.currentKey().jwk()}})
}

// Sign signs any header and claims by the instance's key with RS256, whatever the header says. A header without alg gets the one of a session token.
func (c *Clerk) Sign(header, claims map[string]any) string {
	key := c.currentKey()
	if header["alg"] == nil {
		full := sessionHeader(key.id)
		maps.Copy(full, header)
		header = full
	}
	return compact(mustJSON(header), mustJSON(claims), key.rs256)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return b
}
