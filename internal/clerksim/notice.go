package clerksim

import "fmt"

// notice is an e-mail or text message that Clerk sends. It has no state to be true of; what matters is that its one-time code is never kept.
func (w *World) mailCode(to, id string, u *user) {
	code := w.digits(6)
	var user any
	if u != nil {
		user = u.id
	}
	w.then(func() Message {
		w.tick()
		email := w.id("ema_")
		o := object{
			{"object", "email"}, {"id", email}, {"slug", "verification_code"}, {"from_email_name", "notifications"},
			{"reply_to_email_name", nil}, {"to_email_address", to}, {"email_address_id", id}, {"user_id", user},
			{"subject", code + " is your verification code"},
			{"body", "<!doctype html><html><body><p>Your code: <b>" + code + "</b></p></body></html>"},
			{"body_plain", "Your code: " + code + "\n"}, {"status", "queued"},
			{"data", object{
				{"app", object{{"domain_name", "northwind.example"}, {"name", "Northwind"}, {"url", "https://northwind.example"}}},
				{"otp_code", code}, {"requested_from", w.address()},
				{"theme", object{{"primary_color", "#0b6e4f"}, {"show_clerk_branding", false}}},
			}},
			{"delivered_by_clerk", w.chance(0.9)},
		}
		return w.message("email.created", email, o, w.now, false)
	})
}

func (w *World) textCode(to, id string, u *user) {
	code := w.digits(6)
	var user any
	if u != nil {
		user = u.id
	}
	w.then(func() Message {
		w.tick()
		sms := w.id("sms_")
		o := object{
			{"object", "sms_message"}, {"id", sms}, {"slug", "verification_code"}, {"from_phone_number", "+12025550100"},
			{"to_phone_number", to}, {"phone_number_id", id}, {"user_id", user},
			{"message", fmt.Sprintf("%s is your verification code for Northwind", code)}, {"status", "queued"},
			{"data", object{{"app", object{{"name", "Northwind"}}}, {"otp_code", code}}}, {"delivered_by_clerk", true},
		}
		if w.odd() {
			o.add("created_at", w.now)
		} else {
			o.add("created_at_ms", w.now)
		}
		return w.message("sms.created", sms, o, w.now+w.lag(), false)
	})
}

func (w *World) sendMail() bool {
	u, ok := w.someUser(func(u *user) bool { return u.mail() != nil })
	if ok {
		w.mailCode(u.mail().address, u.primaryEmail, u)
	}
	return ok
}

func (w *World) sendText() bool {
	u, ok := w.someUser(func(u *user) bool { return u.number() != nil })
	if ok {
		w.textCode(u.number().number, u.primaryPhone, u)
	}
	return ok
}
