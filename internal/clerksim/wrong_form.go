package clerksim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// rewritten is a wrong token that is a good one, written in another way.
func rewritten(name, why string, rewrite func(good string) string) WrongToken {
	return WrongToken{Name: name, Why: why, Mint: func(c *Clerk) string { return rewrite(c.draft(2).sign()) }}
}

// reparted rewrites one of the three parts.
func reparted(name, why string, part int, rewrite func(string) string) WrongToken {
	return rewritten(name, why, func(good string) string {
		parts := strings.Split(good, ".")
		parts[part] = rewrite(parts[part])
		return strings.Join(parts, ".")
	})
}

func wrongForms() []WrongToken {
	cut := func(s string) string { return s[:strings.LastIndexByte(s, '.')] }
	return []WrongToken{
		rewritten("empty", "nothing at all", func(string) string { return "" }),
		rewritten("dots", "two dots and nothing else", func(string) string { return ".." }),
		rewritten("words", "no token, but words", func(string) string { return "let me in" }),
		rewritten("one-part", "the header alone", func(s string) string { return cut(cut(s)) }),
		rewritten("two-parts", "no signature, nor its dot", cut),
		rewritten("four-parts", "a part too many", func(s string) string { return s + "." + encode([]byte("more")) }),
		rewritten("five-parts", "the five parts of an encrypted token", func(s string) string { return s + ".AAAA.AAAA" }),
		rewritten("trailing-dot", "a dot too many", func(s string) string { return s + "." }),
		rewritten("json-form", "the JSON form of a signed token (RFC 7515 §7.2)", func(s string) string {
			p := strings.Split(s, ".")
			return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, p[0], p[1], p[2])
		}),
		rewritten("space-before", "a space in front", func(s string) string { return " " + s }),
		rewritten("newline-behind", "a line end behind", func(s string) string { return s + "\n" }),
		rewritten("space-within", "a space within", func(s string) string { return strings.Replace(s, ".", ". ", 1) }),
		rewritten("nul-behind", "a NUL behind", func(s string) string { return s + "\x00" }),
		rewritten("bearer-twice", "the scheme again in front", func(s string) string { return "Bearer " + s }),
		rewritten("twice", "two tokens, with a comma between", func(s string) string { return s + "," + s }),
		rewritten("quoted", "in quotes", func(s string) string { return `"` + s + `"` }),
		rewritten("reversed", "back to front", reverse),
	}
}

func wrongParts() []WrongToken {
	shorter := func(s string) string { return s[:len(s)-4] }
	const header, payload, signature = 0, 1, 2
	return []WrongToken{
		reparted("header-empty", "no header", header, func(string) string { return "" }),
		reparted("header-truncated", "a header that breaks off", header, shorter),
		reparted("payload-empty", "no claims", payload, func(string) string { return "" }),
		reparted("payload-truncated", "claims that break off", payload, shorter),
		reparted("payload-changed", "another subject under the signature of the first", payload, func(s string) string {
			b, _ := base64.RawURLEncoding.DecodeString(s) // our own
			return encode(bytes.Replace(b, []byte(`"sub":"user_2`), []byte(`"sub":"user_3`), 1))
		}),
		reparted("signature-empty", "no signature", signature, func(string) string { return "" }),
		reparted("signature-truncated", "a signature that breaks off", signature, shorter),
		reparted("signature-longer", "a signature with more behind", signature, func(s string) string { return s[:len(s)-2] + "AAAA" }),
		reparted("signature-garbage", "a signature of the right length that is none", signature, func(s string) string { return strings.Repeat("A", len(s)) }),
		reparted("signature-flipped", "a signature with one bit wrong", signature, func(s string) string {
			b, _ := base64.RawURLEncoding.DecodeString(s) // our own
			b[100] ^= 1
			return encode(b)
		}),
		reparted("header-not-base64", "a header that is not base64", header, func(s string) string { return "!" + s[1:] }),
		reparted("payload-not-base64", "claims that are not base64", payload, func(s string) string { return "!" + s[1:] }),
		reparted("signature-not-base64", "a signature that is not base64", signature, func(s string) string { return "!" + s[1:] }),
		reparted("signature-padded", "a signature with padding, which compact tokens do not have", signature, func(s string) string { return s + "==" }),
		reparted("header-plain", "a header that is not encoded", header, func(s string) string {
			b, _ := base64.RawURLEncoding.DecodeString(s) // our own
			return string(b)
		}),
	}
}

// written signs a header and claims as they are spelled.
func written(name, why string, spell func(header, claims []byte) ([]byte, []byte)) WrongToken {
	return WrongToken{Name: name, Why: why, Mint: func(c *Clerk) string {
		d := c.draft(2)
		header, claims := spell(mustJSON(d.header), mustJSON(d.claims))
		return compact(header, claims, c.currentKey().rs256)
	}}
}

// wrongJSON are rightly signed texts that a lenient reader would take for claims, or that are too much for a careless one.
func wrongJSON() []WrongToken {
	claims := func(name, why string, spell func([]byte) string) WrongToken {
		return written(name, why, func(h, c []byte) ([]byte, []byte) { return h, []byte(spell(c)) })
	}
	head := func(name, why string, spell func([]byte) string) WrongToken {
		return written(name, why, func(h, c []byte) ([]byte, []byte) { return []byte(spell(h)), c })
	}
	more := func(b []byte, field string) string { return string(b[:len(b)-1]) + "," + field + "}" }
	return []WrongToken{
		claims("claims-list", "a list of claims", func(b []byte) string { return "[" + string(b) + "]" }),
		claims("claims-null", "claims that are null", func([]byte) string { return "null" }),
		claims("claims-text", "claims that are a text", func([]byte) string { return `"user_2somebodyinventedforatest001"` }),
		claims("claims-broken", "claims that are not JSON", func(b []byte) string { return string(b[:len(b)-1]) }),
		claims("claims-more", "something behind the claims", func(b []byte) string { return string(b) + `{"sub":"user_2"}` }),
		claims("claims-duplicate", "two subjects", func(b []byte) string { return more(b, `"sub":"user_2somebodyelseinventedhere01"`) }),
		claims("claims-duplicate-escaped", "two subjects, the second name escaped", func(b []byte) string {
			return more(b, `"\u0073ub":"user_2somebodyelseinventedhere01"`)
		}),
		claims("claims-duplicate-first", "two expiries, the first one far away", func(b []byte) string { return `{"exp":4102444800,` + string(b[1:]) }),
		claims("claims-encoding", "claims that are not UTF-8", func(b []byte) string { return more(b, "\"name\":\"\xff\xfe\"") }),
		claims("claims-deep", "claims that nest fifty thousand deep", func(b []byte) string {
			return more(b, `"x":`+strings.Repeat("[", 50_000)+strings.Repeat("]", 50_000))
		}),
		claims("claims-huge", "a megabyte of claims", func(b []byte) string { return more(b, `"x":"`+strings.Repeat("x", 1<<20)+`"`) }),
		claims("claims-many", "a hundred thousand claims", func(b []byte) string {
			return more(b, strings.TrimSuffix(strings.Repeat(`"x":1,`, 100_000), ","))
		}),
		head("header-list", "a list for a header", func(b []byte) string { return "[" + string(b) + "]" }),
		head("header-null", "a header that is null", func([]byte) string { return "null" }),
		head("header-broken", "a header that is not JSON", func(b []byte) string { return string(b[:len(b)-1]) }),
		head("header-duplicate", "two algorithms", func(b []byte) string { return more(b, `"alg":"none"`) }),
		head("header-huge", "a megabyte of header", func(b []byte) string { return more(b, `"x":"`+strings.Repeat("x", 1<<20)+`"`) }),
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
