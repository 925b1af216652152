package events_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// in wraps data as the body of an event of typ.
func in(typ, data string) string { return `{"data":` + data + `,"type":"` + typ + `"}` }

// TestCredentialsAreBlanked gives data of a type and what must become of it. Everything that is not blanked must stay as it is.
func TestCredentialsAreBlanked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, typ, data, want, pointers string }{
		{"a code in a message's data", "email.created", `{"id":"ema_1","data":{"otp_code":"424242"}}`,
			`{"id":"ema_1","data":{"otp_code":null}}`, "/data/data/otp_code"},
		{"a code in a type nobody knows", "passcode.sent", `{"id":"x_1","otp_code":"424242"}`, `{"id":"x_1","otp_code":null}`, "/data/otp_code"},
		{"a code deep in arrays", "user.updated", `{"id":"u_1","a":[[{"b":[0,{"otp_code":424242}]}]]}`,
			`{"id":"u_1","a":[[{"b":[0,{"otp_code":null}]}]]}`, "/data/a/0/0/b/1/otp_code"},
		{"a code beside data", "user.updated", `{"id":"u_1"},"otp_code":"424242"`, `{"id":"u_1"},"otp_code":null`, "/otp_code"},
		{"codes that are lists", "user.updated", `{"id":"u_1","phone_numbers":[{"backup_codes":["a","b"]},{"backup_codes":null}]}`,
			`{"id":"u_1","phone_numbers":[{"backup_codes":null},{"backup_codes":null}]}`, "/data/phone_numbers/0/backup_codes"},
		{"a redirect in a session's user", "session.created",
			`{"id":"s_1","user":{"external_accounts":[{"verification":{"external_verification_redirect_url":"https://idp.example/"}}]}}`,
			`{"id":"s_1","user":{"external_accounts":[{"verification":{"external_verification_redirect_url":null}}]}}`,
			"/data/user/external_accounts/0/verification/external_verification_redirect_url"},
		{"private metadata, also of what is embedded", "organizationMembership.created",
			`{"id":"m_1","private_metadata":{"a":{"b":1}},"organization":{"private_metadata":{}}}`,
			`{"id":"m_1","private_metadata":null,"organization":{"private_metadata":null}}`,
			"/data/private_metadata /data/organization/private_metadata"},
		{"private metadata that is no object", "user.updated", `{"id":"u_1","private_metadata":"x"}`, `{"id":"u_1","private_metadata":null}`, "/data/private_metadata"},
		{"what a message says, at any depth", "email.created", `{"id":"ema_1","subject":"1","body":"2","body_plain":"3","data":{"message":{"x":"4"}}}`,
			`{"id":"ema_1","subject":null,"body":null,"body_plain":null,"data":{"message":null}}`,
			"/data/subject /data/body /data/body_plain /data/data/message"},
		{"a text message", "sms.created", `{"id":"sms_1","message":"424242 is your code"}`, `{"id":"sms_1","message":null}`, "/data/message"},
		{"a message of a verb nobody knows", "sms.bounced", `{"id":"sms_1","message":"424242 is your code"}`, `{"id":"sms_1","message":null}`, "/data/message"},
		{"nothing of that in another type", "user.updated", `{"id":"u_1","subject":"1","body":"2","message":"3","token":"4"}`,
			`{"id":"u_1","subject":"1","body":"2","message":"3","token":"4"}`, ""},
		{"but a code in it", "user.updated", `{"id":"u_1","message":{"body":[{"otp_code":"424242"}]}}`,
			`{"id":"u_1","message":{"body":[{"otp_code":null}]}}`, "/data/message/body/0/otp_code"},
		{"the outer one of two", "email.created", `{"id":"e_1","message":{"otp_code":"424242"},"otp_code":{"otp_code":1}}`,
			`{"id":"e_1","message":null,"otp_code":null}`, "/data/message /data/otp_code"},
		{"an invitation's url", "organizationInvitation.created", `{"id":"i_1","url":"https://join.example/x"}`, `{"id":"i_1","url":null}`, "/data/url"},
		{"an invitation's url in data.data", "organizationInvitation.created", `{"id":"i_1","data":{"url":"https://join.example/x"}}`, `{"id":"i_1","data":{"url":null}}`, "/data/data/url"},
		{"an invitation's url that is null", "organizationInvitation.accepted", `{"id":"i_1","url":null}`, `{"id":"i_1","url":null}`, ""},
		{"an application invitation's url", "invitation.created", `{"id":"i_1","url":"https://join.example/x"}`, `{"id":"i_1","url":null}`, "/data/url"},
		{"an embedded invitation's url", "waitlistEntry.updated", `{"id":"w_1","invitation":{"url":"https://join.example/x"}}`, `{"id":"w_1","invitation":{"url":null}}`, "/data/invitation/url"},
		{"embedded invitations' urls", "organization.updated", `{"id":"o_1","pending_invitations":[{"url":"https://join.example/x"}]}`, `{"id":"o_1","pending_invitations":[{"url":null}]}`, "/data/pending_invitations/0/url"},
		{"other urls stay", "organization.updated", `{"id":"o_1","url":"https://mill.example/","app":{"url":"https://mill.example/"}}`,
			`{"id":"o_1","url":"https://mill.example/","app":{"url":"https://mill.example/"}}`, ""},
		{"also in an invitation's metadata", "organizationInvitation.created", `{"id":"i_1","public_metadata":{"url":"https://mill.example/"}}`,
			`{"id":"i_1","public_metadata":{"url":"https://mill.example/"}}`, ""},
		{"a ticket link under any name", "user.updated", `{"id":"u_1","x":["https://a.example/accept?ticket=abc"]}`, `{"id":"u_1","x":[null]}`, "/data/x/0"},
		{"a ticket link under a name of its own", "user.updated", `{"id":"u_1","url":"https://a.example/accept?ticket=abc"}`, `{"id":"u_1","url":null}`, "/data/url"},
		{"a ticket link that hides", "user.updated", `{"id":"u_1","x":"https:\/\/a.example\/?\u0074icket\u003dabc","y":"/go?to=%2Faccept%3FTicket%3Dabc"}`,
			`{"id":"u_1","x":null,"y":null}`, "/data/x /data/y"},
		{"a sign-in ticket in a script's link", "user.updated", `{"id":"u_1","x":"https://a.example/#/?__clerk_ticket=abc"}`, `{"id":"u_1","x":null}`, "/data/x"},
		{"an address is no link", "user.updated", `{"id":"u_1","x":"ticket=7@mail.example","y":"ticket=7"}`, `{"id":"u_1","x":"ticket=7@mail.example","y":"ticket=7"}`, ""},
		{"a signed picture stays", "user.updated", `{"id":"u_1","image_url":"https://s.example/a.png?token=abc"}`, `{"id":"u_1","image_url":"https://s.example/a.png?token=abc"}`, ""},
		{"a token link in a message", "email.created", `{"id":"e_1","data":{"x":"https://a.example/verify?token=abc","action_url":"https://a.example/y","magic_link":"https://a.example/z"}}`,
			`{"id":"e_1","data":{"x":null,"action_url":null,"magic_link":null}}`, "/data/data/x /data/data/action_url /data/data/magic_link"},
		{"a name that hides behind escapes", "user.updated", `{"id":"u_1","otp\u005fcode":"424242","\u0070rivate_metadata":{}}`,
			`{"id":"u_1","otp\u005fcode":null,"\u0070rivate_metadata":null}`, "/data/otp_code /data/private_metadata"},
		{"a name that stands twice", "user.updated", `{"id":"u_1","otp_code":"424242","otp_code":"434343","otp_code":null}`,
			`{"id":"u_1","otp_code":null,"otp_code":null,"otp_code":null}`, "/data/otp_code /data/otp_code"},
		{"names that need escapes in a pointer", "user.updated", `{"id":"u_1","a/b":{"c~d":{"":{"otp_code":0}}}}`, `{"id":"u_1","a/b":{"c~d":{"":{"otp_code":null}}}}`, "/data/a~1b/c~0d//otp_code"},
		{"a name that only resembles", "user.updated", `{"id":"u_1","otp_codes":"1","OTP_CODE":"2","backup_code_enabled":true,"otp_code ":"3"}`,
			`{"id":"u_1","otp_codes":"1","OTP_CODE":"2","backup_code_enabled":true,"otp_code ":"3"}`, ""},
		{"the value, not the name", "user.updated", `{"id":"u_1","name":"otp_code","list":["otp_code","private_metadata"]}`, `{"id":"u_1","name":"otp_code","list":["otp_code","private_metadata"]}`, ""},
		{"an unrouted body may be anything", "no type", `{"id":"u_1","message":"1","url":"2","x":"https://a.example/?token=3"}`, `{"id":"u_1","message":null,"url":null,"x":null}`, "/data/message /data/url /data/x"},
		{"white space and numbers stay as they are", "user.updated", "{ \"id\" : \"u_1\",\t\"otp_code\" :\n [ 1 ,2 ] , \"n\" : 1.50e+1 }", "{ \"id\" : \"u_1\",\t\"otp_code\" :\n null , \"n\" : 1.50e+1 }", "/data/otp_code"},
		{"strings with quotes and backslashes", "user.updated", `{"id":"u_1","a":"\\","otp_code":"\"\\","b":"\\\""}`, `{"id":"u_1","a":"\\","otp_code":null,"b":"\\\""}`, "/data/otp_code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body := []byte(in(tc.typ, tc.data))
			signed := bytes.Clone(body)
			e := takeBody(body)
			if got, want := string(e.Body), in(tc.typ, tc.want); got != want {
				t.Errorf("body\n%s\nwant\n%s", got, want)
			}
			if got := strings.Join(e.Blanked, " "); got != tc.pointers {
				t.Errorf("blanked %q, want %q", got, tc.pointers)
			}
			if !bytes.Equal(body, signed) {
				t.Error("the caller's bytes were written to")
			}
		})
	}
}

func TestPrivateMetadataIsKeptOnRequest(t *testing.T) {
	t.Parallel()
	in := intake()
	in.KeepPrivateMetadata = true
	for _, name := range []string{"user.updated", "organization.updated"} {
		body := sample(t, name)
		if e, _ := events.New(in, body); !bytes.Equal(e.Body, body) || len(e.Blanked) > 0 {
			t.Errorf("%s: blanked %q", name, e.Blanked)
		}
	}
	e, _ := events.New(in, sample(t, "user.updated.backup-codes"))
	if !slices.Equal(e.Blanked, []string{"/data/phone_numbers/0/backup_codes"}) || !bytes.Contains(e.Body, []byte(`"risk_score": 7`)) {
		t.Errorf("the option must cover nothing else: blanked %q", e.Blanked)
	}
}

// TestNoSampleLeaks searches what would be published for what the samples call a secret: EXAMPLE in a link or a code, and 000000.
func TestNoSampleLeaks(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`EXAMPLE[-.](SECR|CODE|STATE|TICKET|TOKEN)[A-Z0-9.-]*|000000 is|"000000"|a1b2-c3d4|risk_score|salary_band`)
	found := 0
	for _, name := range sampleNames(t) {
		body := sample(t, name)
		if secret.Match(body) {
			found++
		}
		if e := takeBody(body); secret.Match(e.Body) {
			t.Errorf("%s publishes %q", name, secret.Find(e.Body))
		}
	}
	if found < 30 {
		t.Errorf("only %d samples hold a secret: the search is broken", found)
	}
}

// TestABrokenBodyLosesItsTail: it has no paths, so from the first trace of a credential on it is blanked; without a trace it is kept whole.
func TestABrokenBodyLosesItsTail(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]string{
		``:                                    ``,
		`hello`:                               `hello`,
		`{"a":1`:                              `{"a":1`,
		`{"a":1}}`:                            `{"a":1}}`,
		`{"otp_code":"4242`:                   `{"null`,
		`{"a":1,"private_metadata":{"k":"v"`:  `{"a":1,"null`,
		`{"a":1} {"backup_codes":["x"]}`:      `{"a":1} {"null`,
		`{"o\u0074p_code":"4242`:              `{"onull`,
		`see https://a.example/?ticket=abc …`: `see https://a.example/?null`,
		`{"message":"4242 is your code`:       `{null`,
	} {
		e := takeBody([]byte(give))
		if e.Unrouted != events.ReasonNotJSON || string(e.Body) != want {
			t.Errorf("%s: %s, body %s, want %s", give, e.Unrouted, e.Body, want)
		}
		if (len(e.Blanked) > 0) != (give != want) {
			t.Errorf("%s: blanked %q", give, e.Blanked)
		}
	}
}

func TestABodyWithoutCredentialIsNotCopied(t *testing.T) {
	t.Parallel()
	body := sample(t, "user.deleted")
	if e := takeBody(body); &e.Body[0] != &body[0] {
		t.Error("the body was copied")
	}
}
