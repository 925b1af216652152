package clerksim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

func wrongIssuers() []WrongToken {
	issuer := func(name, why string, change func(string) any) WrongToken {
		return wrongClaim(name, why, func(d *draft) { d.set("iss", change(d.clerk.cfg.Issuer)) })
	}
	host := func(iss string) string { _, h, _ := strings.Cut(iss, "://"); return h }
	return []WrongToken{
		issuer("issuer-other", "another instance of Clerk", func(string) any { return "https://clerk.elsewhere.example" }),
		issuer("issuer-slash", "the issuer with a slash behind", func(s string) any { return s + "/" }),
		issuer("issuer-path", "a path below the issuer", func(s string) any { return s + "/v1" }),
		issuer("issuer-scheme", "the issuer under another scheme", func(s string) any {
			if strings.HasPrefix(s, "http://") {
				return "https://" + host(s)
			}
			return "http://" + host(s)
		}),
		issuer("issuer-upper", "the issuer in capitals", func(s string) any { return strings.ToUpper(s) }),
		issuer("issuer-suffix", "a look-alike: the issuer as a sub-domain of another", func(s string) any { return s + ".evil.example" }),
		issuer("issuer-prefix", "a sub-domain of the issuer", func(s string) any { return "https://a." + host(s) }),
		issuer("issuer-userinfo", "another host, with the issuer as its user name", func(s string) any { return s + "@evil.example" }),
		issuer("issuer-space", "a space behind the issuer", func(s string) any { return s + " " }),
		issuer("issuer-empty", "an empty issuer", func(string) any { return "" }),
		issuer("issuer-number", "an issuer that is a number", func(string) any { return 1 }),
		issuer("issuer-list", "a list with the issuer in it", func(s string) any { return []string{s} }),
		claimLacks("issuer-missing", "no issuer", "iss"),
	}
}

func wrongKeys() []WrongToken {
	return []WrongToken{
		wrongSignature("key-of-other-instance", "another instance's key under this instance's key id", func(d *draft) string {
			return d.signBy(d.clerk.strangerKey().rs256)
		}),
		wrongSignature("key-unknown", "signed by a key that is not served, under its own id", func(d *draft) string {
			d.header["kid"] = "ins_2unknownkeyofnobodyatall001"
			return d.signBy(d.clerk.strangerKey().rs256)
		}),
		wrongHeader("kid-unknown", "the right key, under an id that is not served", func(h map[string]any) { h["kid"] = "ins_2unknownkeyofnobodyatall002" }),
		wrongHeader("kid-missing", "the right key, and no key id", func(h map[string]any) { delete(h, "kid") }),
		wrongHeader("kid-empty", "an empty key id", func(h map[string]any) { h["kid"] = "" }),
		wrongHeader("kid-number", "a key id that is a number", func(h map[string]any) { h["kid"] = 7 }),
		wrongHeader("kid-path", "a key id that is a path", func(h map[string]any) { h["kid"] = "../../etc/hostname" }),
		wrongSignature("jwk-embedded", "the key that signed it in its own header", func(d *draft) string {
			d.header["jwk"] = d.clerk.strangerKey().jwk()
			return d.signBy(d.clerk.strangerKey().rs256)
		}),
		wrongSignature("jku", "a URL of the key that signed it", func(d *draft) string {
			d.header["jku"] = "https://evil.example/.well-known/jwks.json"
			return d.signBy(d.clerk.strangerKey().rs256)
		}),
		wrongSignature("x5u", "a URL of the certificate that signed it", func(d *draft) string {
			d.header["x5u"] = "https://evil.example/cert.pem"
			return d.signBy(d.clerk.strangerKey().rs256)
		}),
	}
}

// wrongAlgorithms holds the confusions of RFC 8725 §2.1 and §3.1.
func wrongAlgorithms() []WrongToken {
	alg := func(name, why, alg string, sign func(*draft, []byte) []byte) WrongToken {
		return wrongSignature(name, why, func(d *draft) string {
			d.header["alg"] = alg
			return d.signBy(func(input []byte) []byte { return sign(d, input) })
		})
	}
	nothing := func(*draft, []byte) []byte { return nil }
	right := func(d *draft, input []byte) []byte { return d.clerk.currentKey().rs256(input) }
	return []WrongToken{
		alg("alg-none", "unsigned, and says so", "none", nothing),
		alg("alg-none-title", "unsigned, and says so in another spelling", "None", nothing),
		alg("alg-none-mixed", "unsigned, and says so in a third spelling", "nOnE", nothing),
		alg("alg-none-signed", "says that it is unsigned, and is signed", "none", right),
		alg("alg-hs256-pem", "HMAC with the public key's PEM as secret", "HS256", hs256(publicPEM)),
		alg("alg-hs256-der", "HMAC with the public key's DER as secret", "HS256", hs256(publicDER)),
		alg("alg-hs256-modulus", "HMAC with the public key's modulus as secret", "HS256", hs256(func(k *rsa.PublicKey) []byte { return []byte(encode(k.N.Bytes())) })),
		alg("alg-hs256-empty", "HMAC with an empty secret", "HS256", hs256(func(*rsa.PublicKey) []byte { return nil })),
		alg("alg-es256", "ECDSA by a key of nobody", "ES256", func(_ *draft, input []byte) []byte { return es256(input) }),
		alg("alg-ps256", "the right key with another padding", "PS256", ps256),
		alg("alg-rs512", "the right key with another digest", "RS512", rs512),
		alg("alg-rs1", "the right key, under an algorithm that is long broken", "RS1", right),
		alg("alg-lower", "the right signature under a name in small letters", "rs256", right),
		alg("alg-empty", "the right signature under no name", "", right),
		wrongSignature("alg-missing", "the right signature and no algorithm", func(d *draft) string {
			delete(d.header, "alg")
			return d.signBy(d.clerk.currentKey().rs256)
		}),
		wrongHeader("alg-number", "an algorithm that is a number", func(h map[string]any) { h["alg"] = 256 }),
	}
}

func hs256(secret func(*rsa.PublicKey) []byte) func(*draft, []byte) []byte {
	return func(d *draft, input []byte) []byte {
		mac := hmac.New(sha256.New, secret(d.clerk.PublicKey()))
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func publicDER(k *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err) // every RSA key has that form
	}
	return der
}

func publicPEM(k *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(k)})
}

// PublicKeyPEM is the public key as Clerk's dashboard shows it, for verifiers that fetch nothing.
func (c *Clerk) PublicKeyPEM() []byte { return publicPEM(c.PublicKey()) }

func es256(input []byte) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	sum := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature
}

func ps256(d *draft, input []byte) []byte {
	sum := sha256.Sum256(input)
	signature, err := rsa.SignPSS(rand.Reader, d.clerk.currentKey().PrivateKey, crypto.SHA256, sum[:], nil)
	if err != nil {
		panic(err) // a key of 2048 bits can always sign a digest
	}
	return signature
}

func rs512(d *draft, input []byte) []byte {
	sum := sha512.Sum512(input)
	signature, err := rsa.SignPKCS1v15(nil, d.clerk.currentKey().PrivateKey, crypto.SHA512, sum[:])
	if err != nil {
		panic(err) // as above
	}
	return signature
}
