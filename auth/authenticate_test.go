package auth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// sent makes a request with some headers: names and values in turns.
func sent(method string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://api.example.com/orders", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Tokens are looked for where Clerk's SDKs and WebSockets put them. Those that do not agree are refused; which of them to believe is no guess.
func TestWhereTokensComeFrom(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	elsewhere := newBedWith(t, clerksim.ClerkConfig{Issuer: "https://another.example.com", Key: secondKey()})

	mine := map[string]any{"sub": "user_2mine", "sid": "sess_2mine"}
	a := b.edited(t, mine)
	mine["jti"] = "another"
	again := b.edited(t, mine) // the same caller, another token
	mine["o"] = map[string]any{"id": "org_2second", "rol": "member"}
	inSecond := b.edited(t, mine)
	other := b.edited(t, map[string]any{"sub": "user_2other", "sid": "sess_2other"})
	expired := b.edited(t, map[string]any{"exp": b.clock.now().Add(-time.Hour).Unix(), "iat": b.clock.now().Add(-time.Hour - time.Minute).Unix()})
	foreign := elsewhere.token(t, clerksim.TokenSpec{})

	const authorization, cookie, protocol = "Authorization", "Cookie", "Sec-WebSocket-Protocol"
	for name, c := range map[string]struct {
		headers []string
		want    auth.Code
	}{
		"nothing":                      {nil, auth.CodeTokenMissing},
		"a header":                     {[]string{authorization, "Bearer " + a}, ""},
		"a header in small letters":    {[]string{authorization, "bearer  " + a}, ""},
		"a cookie":                     {[]string{cookie, "__session=" + a}, ""},
		"a suffixed cookie":            {[]string{cookie, "x=1; __session_aBcD1234=" + a}, ""},
		"both cookies":                 {[]string{cookie, "__session=" + a + "; __session_aBcD1234=" + a}, ""},
		"a WebSocket":                  {[]string{protocol, "chat, bearer." + a}, ""},
		"a WebSocket, in two lines":    {[]string{protocol, "chat", protocol, "bearer." + a}, ""},
		"everywhere the same":          {[]string{authorization, "Bearer " + a, cookie, "__session=" + a, protocol, "bearer." + a}, ""},
		"another scheme":               {[]string{authorization, "Basic " + a}, auth.CodeTokenMissing},
		"no scheme":                    {[]string{authorization, a}, auth.CodeTokenMissing},
		"a scheme and nothing":         {[]string{authorization, "Bearer"}, auth.CodeTokenMalformed},
		"a scheme twice":               {[]string{authorization, "Bearer bearer " + a}, auth.CodeTokenMalformed},
		"a protocol and nothing":       {[]string{protocol, "chat, bearer."}, auth.CodeTokenMalformed},
		"another cookie":               {[]string{cookie, "__sessions=" + a + "; __client=" + a}, auth.CodeTokenMissing},
		"an empty cookie":              {[]string{cookie, "__session="}, auth.CodeTokenMissing},
		"a bad header, a good cookie":  {[]string{authorization, "Bearer x", cookie, "__session=" + a}, auth.CodeTokenMalformed},
		"a good header, a bad one":     {[]string{authorization, "Bearer " + a, authorization, "Bearer x"}, auth.CodeTokenMalformed},
		"two headers, two callers":     {[]string{authorization, "Bearer " + a, authorization, "Bearer " + other}, auth.CodeTokenConflict},
		"two headers, two orgs":        {[]string{authorization, "Bearer " + a, authorization, "Bearer " + inSecond}, auth.CodeTokenConflict},
		"two headers, one caller":      {[]string{authorization, "Bearer " + a, authorization, "Bearer " + again}, ""},
		"header and WebSocket differ":  {[]string{authorization, "Bearer " + a, protocol, "bearer." + other}, auth.CodeTokenConflict},
		"header and cookie differ":     {[]string{authorization, "Bearer " + a, cookie, "__session=" + other}, auth.CodeTokenConflict},
		"another tab's organization":   {[]string{authorization, "Bearer " + a, cookie, "__session=" + inSecond}, ""},
		"a header, an expired cookie":  {[]string{authorization, "Bearer " + a, cookie, "__session=" + expired}, ""},
		"two cookies, two callers":     {[]string{cookie, "__session=" + a + "; __session_x=" + other}, auth.CodeTokenConflict},
		"two cookies, two orgs":        {[]string{cookie, "__session=" + a + "; __session_x=" + inSecond}, auth.CodeTokenConflict},
		"two cookies, one caller":      {[]string{cookie, "__session=" + a + "; __session_x=" + again}, ""},
		"a cookie, an expired one":     {[]string{cookie, "__session=" + expired + "; __session_x=" + a}, ""},
		"a cookie, one for a neighbor": {[]string{cookie, "__session_x=" + foreign + "; __session_y=" + a}, ""},
		"only a neighbor's cookie":     {[]string{cookie, "__session=" + foreign}, auth.CodeIssuerUnknown},
		"an expired and a neighbor's":  {[]string{cookie, "__session=" + foreign + "; __session_x=" + expired}, auth.CodeTokenExpired},
		"more cookies than anybody has": {
			[]string{cookie, "__session=1; __session_1=2; __session_2=3; __session_3=4; __session_4=" + a}, auth.CodeTokenConflict,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := v.Authenticate(sent(http.MethodGet, c.headers...))
			if got := auth.CodeOf(err); got != c.want {
				t.Errorf("refused with %q (%v), want %q", got, cause(err), c.want)
			}
			if err == nil && (id.User != "user_2mine" || id.Org == "org_2second") {
				t.Errorf("identity is %+v", id)
			}
		})
	}
}

func TestOfTwoGoodCookiesTheNewerDecides(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	caller := map[string]any{"sub": "user_2mine", "sid": "sess_2mine", "o": map[string]any{"id": "org_2acme", "rol": "member"}}
	older := b.edited(t, caller)
	b.clock.add(20 * time.Second)
	caller["o"] = map[string]any{"id": "org_2acme", "rol": "admin"}
	newer := b.edited(t, caller)
	for _, cookies := range []string{"__session=" + older + "; __session_x=" + newer, "__session=" + newer + "; __session_x=" + older} {
		id, err := b.verifier(t).Authenticate(sent(http.MethodGet, "Cookie", cookies))
		if err != nil || id.Role != "org:admin" {
			t.Errorf("identity %+v, %v", id, err)
		}
	}
}

func TestCookiesCanBeIgnored(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t, func(cfg *auth.Config) { cfg.IgnoreCookies = true })
	token, other := b.token(t, clerksim.TokenSpec{}), b.edited(t, map[string]any{"sub": "user_2other"})
	if _, err := v.Authenticate(sent(http.MethodGet, "Cookie", "__session="+token)); auth.CodeOf(err) != auth.CodeTokenMissing {
		t.Errorf("a cookie: %v", err)
	}
	if _, err := v.Authenticate(sent(http.MethodGet, "Authorization", "Bearer "+token, "Cookie", "__session="+other)); err != nil {
		t.Errorf("a cookie of another user: %v", err)
	}
}

// A cookie comes by itself, wherever the request is from. So it alone authorizes no change from elsewhere, and opens no WebSocket there.
func TestACookieAuthorizesNoChangeFromElsewhere(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	token := b.token(t, clerksim.TokenSpec{})
	websocket := []string{"Upgrade", "websocket", "Connection", "Upgrade"}
	for name, c := range map[string]struct {
		method  string
		headers []string
		want    auth.Code
	}{
		"reading, from elsewhere":           {http.MethodGet, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, ""},
		"changing, from elsewhere":          {http.MethodPost, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, auth.CodeCrossOrigin},
		"changing, from an older browser":   {http.MethodDelete, []string{"Origin", "https://evil.example"}, auth.CodeCrossOrigin},
		"changing, from a neighbor":         {http.MethodPost, []string{"Origin", "https://blog.example.com", "Sec-Fetch-Site", "same-site"}, auth.CodeCrossOrigin},
		"changing, from here":               {http.MethodPost, []string{"Origin", "https://api.example.com", "Sec-Fetch-Site", "same-origin"}, ""},
		"changing, from an authorized one":  {http.MethodPost, []string{"Origin", b.AuthorizedParty(), "Sec-Fetch-Site", "cross-site"}, ""},
		"changing, from no browser":         {http.MethodPost, nil, ""},
		"a WebSocket, from elsewhere":       {http.MethodGet, append([]string{"Origin", "https://evil.example"}, websocket...), auth.CodeCrossOrigin},
		"a WebSocket, from an authorized":   {http.MethodGet, append([]string{"Origin", b.AuthorizedParty()}, websocket...), ""},
		"changing, from nowhere in any way": {http.MethodPost, []string{"Origin", "null"}, auth.CodeCrossOrigin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sent(c.method, append([]string{"Cookie", "__session=" + token}, c.headers...)...)
			if _, err := v.Authenticate(r); auth.CodeOf(err) != c.want {
				t.Errorf("refused with %v, want %q", err, c.want)
			}
			// A header does not come by itself.
			r.Header.Set("Authorization", "Bearer "+token)
			if _, err := v.Authenticate(r); err != nil {
				t.Errorf("with a header refused with %v", err)
			}
		})
	}
}

func TestTheUserAgentTellsThePlatformOfANativeClient(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	token := b.token(t, clerksim.TokenSpec{Client: clerksim.ClientIOS})
	for agent, want := range map[string]auth.Platform{
		"Orders/12 CFNetwork/1496.0.7 Darwin/23.5.0": auth.PlatformIOS,
		"okhttp/4.12.0": auth.PlatformAndroid,
		"Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A)": auth.PlatformAndroid,
		"Expo/1017756 CFNetwork/1496.0.7 Darwin/23.5.0":           auth.PlatformExpo,
		"curl/8.5.0": auth.PlatformUnknown,
		"":           auth.PlatformUnknown,
	} {
		id, err := v.Authenticate(sent(http.MethodGet, "Authorization", "Bearer "+token, "User-Agent", agent))
		if err != nil || id.Platform != want {
			t.Errorf("%q: platform %q, %v; want %q", agent, id.Platform, err, want)
		}
	}
	web := b.token(t, clerksim.TokenSpec{})
	if id, err := v.Authenticate(sent(http.MethodGet, "Authorization", "Bearer "+web, "User-Agent", "okhttp/4.12.0")); err != nil || id.Platform != auth.PlatformWeb {
		t.Errorf("platform of a token for an origin is %q, %v", id.Platform, err)
	}
}

// What authenticated a WebSocket is not among the protocols that the handler may choose from, and the handler's request is a copy.
func TestAHandlerDoesNotSeeTheTokenAmongTheProtocols(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	token := b.token(t, clerksim.TokenSpec{})
	for offered, want := range map[string]string{
		"chat, bearer." + token:         "chat",
		"bearer." + token + ",chat, v2": "chat, v2",
		"bearer." + token:               "",
	} {
		r := sent(http.MethodGet, "Sec-WebSocket-Protocol", offered)
		seen := "no request"
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), "|")
		})
		auth.Middleware(b.verifier(t))(auth.Require(handler)).ServeHTTP(httptest.NewRecorder(), r)
		if seen != want {
			t.Errorf("the handler sees %q, want %q", seen, want)
		}
		if r.Header.Get("Sec-WebSocket-Protocol") != offered {
			t.Error("the caller's request was changed")
		}
	}
}
