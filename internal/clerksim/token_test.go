package clerksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// claims are a token's, after go-jose, which is not ours, has verified it against the keys document.
func claims(t *testing.T, c *Clerk, token string) map[string]any {
	t.Helper()
	payload, err := opened(c, token)
	if err != nil {
		t.Fatalf("%v: %.80s…", err, token)
	}
	var out map[string]any
	if err := json.Unmarshal(payload, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func opened(c *Clerk, token string) ([]byte, error) {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(c.JWKS(), &keys); err != nil {
		return nil, err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	for _, key := range keys.Key(jws.Signatures[0].Header.KeyID) {
		return jws.Verify(key)
	}
	return nil, errors.New("no key of that id")
}

// Keys take long to make, and tests do not care whose they are.
var ownKey, otherKey = sync.OnceValue(func() *signingKey { return newSigningKey("") }), sync.OnceValue(func() *signingKey { return newSigningKey("") })

// founded is a Clerk whose founding is told.
func founded(t *testing.T, cfg ClerkConfig) *Clerk {
	t.Helper()
	if cfg.World.Users == 0 {
		cfg.World.Users, cfg.World.Organizations, cfg.World.Changes = 30, 8, 300
	}
	cfg.Key = ownKey().PrivateKey
	c := NewClerk(cfg)
	c.other = &signingKey{otherKey().PrivateKey, c.KeyID()}
	for _, ok := c.NextFounding(); ok; _, ok = c.NextFounding() {
	}
	return c
}

func mint(t *testing.T, c *Clerk, spec TokenSpec) map[string]any {
	t.Helper()
	token, err := c.Token(spec)
	if err != nil {
		t.Fatalf("%+v: %v", spec, err)
	}
	return claims(t, c, token)
}

func TestTokensOfEveryVersionAndClientVerify(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	truth := c.Truth()
	for _, version := range []int{1, 2} {
		for _, client := range []Client{ClientWeb, ClientIOS, ClientAndroid, ClientExpo} {
			got := mint(t, c, TokenSpec{Org: AnyOrg, Version: version, Client: client})
			now := float64(time.Now().Unix())
			if got["iss"] != c.Issuer() || got["iat"].(float64) > now || got["exp"].(float64) != got["iat"].(float64)+60 || got["nbf"].(float64) >= now {
				t.Errorf("v%d %s: %v", version, client, got)
			}
			session := truth.Rows["sessions"][got["sid"].(string)]
			if session == nil {
				session = c.Truth().Rows["sessions"][got["sid"].(string)]
			}
			if session == nil || session["user_id"] != got["sub"] || session["status"] != "active" {
				t.Errorf("v%d %s: session of %v is %v", version, client, got["sub"], session)
			}
			if azp, has := got["azp"]; has != (client == ClientWeb) || has && azp != c.AuthorizedParty() {
				t.Errorf("v%d %s: azp %v", version, client, azp)
			}
			if fva := got["fva"].([]any); len(fva) != 2 || fva[0].(float64) < 0 {
				t.Errorf("v%d %s: fva %v", version, client, fva)
			}
			if _, has := got["v"]; has != (version == 2) {
				t.Errorf("v%d %s: v is %v", version, client, got["v"])
			}
		}
	}
}

// The matrix of a token, read back step by step as Clerk's guide has it, is what the roles of the world hold.
func TestPermissionsOfATokenAreTheRolesOwn(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{World: Config{Seed: 4, Users: 40, Organizations: 10, Changes: 400}})
	for range 400 { // roles and permissions come and go
		c.Next()
	}
	mint(t, c, TokenSpec{}) // what is decided has happened now
	truth := c.Truth()
	seen := 0
	for _, m := range truth.Rows["organization_memberships"] {
		spec := TokenSpec{User: m["user_id"].(string), Org: m["organization_id"].(string)}
		token, err := c.Token(spec)
		if errors.Is(err, ErrRefused) {
			continue // banned, or locked and signed out
		}
		if err != nil {
			t.Fatal(err)
		}
		v2 := claims(t, c, token)
		spec.Version = 1
		v1 := mint(t, c, spec)
		want := customPermissions(truth, m["role"].(string))
		seen += len(want)
		if diff := cmp.Diff(want, decode(v2)); diff != "" {
			t.Errorf("v2, %s:\n%s", m["role"], diff)
		}
		flat := []string{}
		for _, p := range v1["org_permissions"].([]any) {
			flat = append(flat, p.(string))
		}
		if diff := cmp.Diff(want, flat); diff != "" {
			t.Errorf("v1, %s:\n%s", m["role"], diff)
		}
		o := v2["o"].(map[string]any)
		if "org:"+o["rol"].(string) != m["role"] || v1["org_role"] != m["role"] || o["id"] != m["organization_id"] || v1["org_id"] != o["id"] {
			t.Errorf("%s: %v, %v", m["role"], o, v1)
		}
	}
	if seen == 0 {
		t.Error("nobody holds a permission of the instance's own")
	}
}

func customPermissions(truth Truth, role string) []string {
	keys := []string{}
	for id, r := range truth.Rows["roles"] {
		if r["key"] != role {
			continue
		}
		for _, held := range truth.Rows["role_permissions"] {
			if key := held["permission_key"].(string); held["role_id"] == id && !strings.HasPrefix(key, "org:sys_") {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// decode follows the six steps of Clerk's guide; it shares no code with what encodes.
func decode(claims map[string]any) []string {
	keys := []string{}
	o := claims["o"].(map[string]any)
	fea, _ := claims["fea"].(string)
	per, _ := o["per"].(string)
	fpm, _ := o["fpm"].(string)
	if fea == "" || per == "" || fpm == "" {
		return keys
	}
	masks := strings.Split(fpm, ",")
	for i, item := range strings.Split(fea, ",") {
		scope, feature, _ := strings.Cut(item, ":")
		if i >= len(masks) || !strings.Contains(scope, "o") {
			continue
		}
		mask, ok := new(big.Int).SetString(masks[i], 10)
		if !ok {
			return nil
		}
		for j, action := range strings.Split(per, ",") {
			if mask.Bit(j) == 1 {
				keys = append(keys, "org:"+feature+":"+action)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

func TestATokenIsForWhomItIsAskedFor(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	admin := mint(t, c, TokenSpec{Role: "org:admin"})
	if o := admin["o"].(map[string]any); o["rol"] != "admin" {
		t.Errorf("role: %v", o)
	}
	user := admin["sub"].(string)
	if got := mint(t, c, TokenSpec{User: user}); got["sub"] != user || got["o"] != nil || !strings.HasPrefix(got["pla"].(string), "u:") {
		t.Errorf("without an organization: %v", got)
	}
	actor := mint(t, c, TokenSpec{})["sub"].(string)
	acted := mint(t, c, TokenSpec{User: user, Actor: actor})
	if act, _ := acted["act"].(map[string]any); act["sub"] != actor || act["sid"] == nil || acted["sid"] == admin["sid"] {
		t.Errorf("impersonated: %v", acted)
	}
	custom := mint(t, c, TokenSpec{User: user, Claims: map[string]any{"plan": "gold", "sts": nil}, Factors: []int{}, Lifetime: 5 * time.Second})
	if _, has := custom["sts"]; has || custom["plan"] != "gold" || custom["fva"] != nil || custom["exp"].(float64)-custom["iat"].(float64) != 5 {
		t.Errorf("customised: %v", custom)
	}
	for name, spec := range map[string]TokenSpec{
		"unknown user":     {User: "user_nobody"},
		"unknown org":      {Org: "org_nowhere"},
		"foreign org":      {User: user, Org: "org_nowhere"},
		"unknown role":     {Role: "org:nothing"},
		"unknown session":  {User: user, Session: "sess_none"},
		"foreign session":  {User: user, Session: mint(t, c, TokenSpec{User: otherThan(t, c, user)})["sid"].(string)},
		"unknown actor":    {User: user, Actor: "user_nobody"},
		"unknown version":  {Version: 3},
		"unknown client":   {Client: "fax"},
		"too many factors": {Factors: []int{1, 2, 3}},
	} {
		if token, err := c.Token(spec); token != "" || !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func otherThan(t *testing.T, c *Clerk, user string) string {
	t.Helper()
	for id, u := range c.Truth().Rows["users"] {
		if id != user && u["banned"] == false && u["locked"] == false && u["deprovisioned"] == false {
			return id
		}
	}
	t.Fatal("nobody else")
	return ""
}

func TestARotatedKeyLeavesTheKeysDocument(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	before, _ := c.Token(TokenSpec{})
	c.RotateKey()
	after, _ := c.Token(TokenSpec{})
	if _, err := opened(c, before); err == nil {
		t.Error("a token of the old key verifies")
	}
	if _, err := opened(c, after); err != nil {
		t.Error(err)
	}
}

func ExampleClerk_Token() {
	clerk := NewClerk(ClerkConfig{World: Config{Users: 5, Organizations: 1}})
	for _, ok := clerk.NextFounding(); ok; _, ok = clerk.NextFounding() {
	}
	token, err := clerk.Token(TokenSpec{Role: "org:admin", Client: ClientIOS})
	fmt.Println(strings.Count(token, "."), err)
	// Output: 2 <nil>
}
