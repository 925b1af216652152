package auth

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"
)

// claims are those of a session token, versions 1 and 2 (https://clerk.com/docs/guides/sessions/session-tokens). Each version's own are
// read in its tokens only: an application may add claims to its tokens, and in version 2 org_role is as good a name as any.
type claims struct {
	commonClaims
	claims1
	claims2
}

// Times are seconds. Zero is taken for absent: no token is of 1970.
type commonClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Session   string          `json:"sid"`
	Party     string          `json:"azp"`
	Expires   int64           `json:"exp"`
	NotBefore int64           `json:"nbf"`
	IssuedAt  int64           `json:"iat"`
	Version   json.RawMessage `json:"v"`
	Status    string          `json:"sts"`
	Factors   json.RawMessage `json:"fva"`
	Actor     *actorClaim     `json:"act"`

	// Added by applications, and so of any type.
	Platform json.RawMessage `json:"platform"`
	Metadata json.RawMessage `json:"metadata"`
}

type claims1 struct {
	org1
	OrgPermissions []string `json:"org_permissions"`
}

type org1 struct {
	OrgID   string `json:"org_id"`
	OrgSlug string `json:"org_slug"`
	OrgRole string `json:"org_role"`
}

type claims2 struct {
	Org      *orgClaim `json:"o"`
	Features string    `json:"fea"`
	Plan     string    `json:"pla"`
}

type orgClaim struct {
	orgNames
	masksClaim
}

type orgNames struct {
	ID   string `json:"id"`
	Slug string `json:"slg"`
	Role string `json:"rol"`
}

type masksClaim struct {
	Actions string `json:"per"`
	Masks   string `json:"fpm"`
}

type actorClaim struct {
	Issuer  string `json:"iss"`
	Session string `json:"sid"`
	Subject string `json:"sub"`
	Type    string `json:"type"`
}

// maxClaimsDepth is far more than any claim needs. The decoder recurses without a limit of its own.
const maxClaimsDepth = 32

var (
	errTooDeep  = fmt.Errorf("nested deeper than %d", maxClaimsDepth)
	errTrailing = errors.New("more than one value")
	errNoObject = errors.New("claims are no JSON object with text for iss")
	errNotUTF8  = errors.New("claims are not UTF-8")
	errTwice    = errors.New("a claim is there twice")
	errType     = errors.New("a claim has another type than it should") // which one, and its value, are the caller's data
)

// unmarshal decodes without copying: strings of into are parts of text. Names are matched exactly, unlike in encoding/json, where a claim
// "SUB" of the application's own would be taken for the subject.
func unmarshal(text []byte, into any) error {
	rest, err := json.Parse(text, into, json.ZeroCopy|json.DontMatchCaseInsensitiveStructFields)
	if err == nil && len(rest) > 0 {
		err = errTrailing
	}
	return err
}

// issuerOf reads who claims to have signed. It is asked before the signature is checked, to know by whose keys to check it.
func issuerOf(payload []byte) (string, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(payload, " \t\r\n"), []byte("{")) {
		return "", Refuse(CodeTokenMalformed, errNoObject)
	}
	if tooDeep(payload) {
		return "", Refuse(CodeTokenMalformed, errTooDeep)
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := unmarshal(payload, &c); err != nil {
		return "", Refuse(CodeTokenMalformed, errNoObject)
	}
	return c.Issuer, nil
}

// decode reads the claims of a verified payload, and the version that they are of.
func decode(payload []byte) (c *claims, version int, err error) {
	if !utf8.Valid(payload) {
		return nil, 0, Refuse(CodeClaimsMalformed, errNotUTF8)
	}
	c = &claims{}
	if unmarshal(payload, c) == nil {
		version, err = c.version()
	} else {
		c, version, err = decodeByVersion(payload)
	}
	if err == nil && hasTwice(payload) {
		err = Refuse(CodeClaimsMalformed, errTwice)
	}
	return c, version, err
}

// decodeByVersion reads claims of which one has another type than it should: it may be one that this version does not know.
func decodeByVersion(payload []byte) (c *claims, version int, err error) {
	c = &claims{}
	if unmarshal(payload, &c.commonClaims) != nil {
		return nil, 0, Refuse(CodeClaimsMalformed, errType)
	}
	if version, err = c.version(); err != nil {
		return nil, 0, err
	}
	for _, part := range c.parts(version) {
		if unmarshal(payload, part.into) != nil {
			return nil, 0, Refuse(part.code, errType)
		}
	}
	return c, version, nil
}

// part is some of the claims of a version, and what is wrong when they do not read though those before it did.
type part struct {
	into any
	code Code
}

func (c *claims) parts(version int) []part {
	if version == 1 {
		return []part{{&c.org1, CodeOrgMalformed}, {&c.claims1, CodePermissionsMalformed}}
	}
	var org struct {
		Org *orgNames `json:"o"`
	}
	var plan struct {
		Plan string `json:"pla"`
	}
	return []part{{&org, CodeOrgMalformed}, {&plan, CodeClaimsMalformed}, {&c.claims2, CodePermissionsMalformed}}
}

// readNames are all that the structs here read. Of each there may be one in its object: what comes twice means one thing to one reader and
// another to the next (RFC 8259, 4).
var readNames = func() map[string]uint32 {
	bits := map[string]uint32{}
	for i, name := range []string{
		"iss", "sub", "sid", "azp", "exp", "nbf", "iat", "v", "sts", "fva", "act", "platform", "metadata",
		"org_id", "org_slug", "org_role", "org_permissions", "o", "fea", "pla", "id", "slg", "rol", "per", "fpm", "type",
	} {
		bits[name] = 1 << i
	}
	return bits
}()

// hasTwice reports whether a name that is read is twice in the claims, in o or in act. The text has been decoded and so is valid.
func hasTwice(payload []byte) bool {
	var top, nested, parent uint32
	for t := json.NewTokenizer(payload); t.Next(); {
		if !t.IsKey || t.Depth > 2 {
			continue
		}
		bit := readNames[string(t.String())]
		if t.Depth == 1 {
			if top&bit != 0 {
				return true
			}
			top, nested, parent = top|bit, 0, bit
			continue
		}
		if parent&(readNames["o"]|readNames["act"]) == 0 {
			continue
		}
		if nested&bit != 0 {
			return true
		}
		nested |= bit
	}
	return false
}

// version is 1 where the claim is absent.
func (c *commonClaims) version() (int, error) {
	switch v := string(c.Version); v {
	case "", "null", "1":
		return 1, nil
	case "2":
		return 2, nil
	default:
		return 0, Refuse(CodeVersionUnknown, fmt.Errorf("%.16q", v))
	}
}

// factors are absolute, for the minutes of fva count from the moment of issue. What cannot be read was never proved.
func (c *commonClaims) factors() Factors {
	list, isList := strings.CutPrefix(string(bytes.TrimSpace(c.Factors)), "[")
	list, closed := strings.CutSuffix(list, "]")
	first, second, two := strings.Cut(list, ",")
	if !isList || !closed || !two {
		return Factors{}
	}
	at := func(minutes string) time.Time {
		n, err := strconv.ParseUint(strings.TrimSpace(minutes), 10, 32) // −1, never, is no such number
		if err != nil {
			return time.Time{}
		}
		return time.Unix(c.IssuedAt-60*int64(n), 0)
	}
	return Factors{First: at(first), Second: at(second)}
}

func (c *commonClaims) actor() *Actor {
	if c.Actor == nil {
		return nil
	}
	return &Actor{Subject: c.Actor.Subject, Session: c.Actor.Session, Issuer: c.Actor.Issuer, Type: c.Actor.Type}
}

// tooDeep reports whether text nests deeper than maxClaimsDepth. Brackets within strings count too until the exact walk.
func tooDeep(text []byte) bool {
	if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= maxClaimsDepth {
		return false
	}
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			inString = !inString
		case inString:
			if b == '\\' {
				i++ // what is escaped is no end
			}
		case b == '[' || b == '{':
			if depth++; depth > maxClaimsDepth {
				return true
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return false
}
