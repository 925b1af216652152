package clerksim

// verification says how, and whether, a contact or account was proved. nil means that it never was tried.
type verification struct {
	kind, status, strategy string
	attempts, expire       int64
	bare                   bool // without `object`, as real deliveries of 2025 are
	redirect               string
	sso                    bool // has the redirect field
}

func (v *verification) verified() bool { return v != nil && v.status == "verified" }

func (v *verification) data() any {
	if v == nil {
		return nil
	}
	o := make(object, 0, 6)
	if !v.bare {
		o.add("object", v.kind)
	}
	o.add("status", v.status)
	o.add("strategy", v.strategy)
	o.add("attempts", millis(v.attempts))
	o.add("expire_at", millis(v.expire))
	if v.sso {
		o.add("external_verification_redirect_url", text(v.redirect))
	}
	return o
}

// proof is a finished verification by the given strategy.
func (w *World) proof(kind, strategy string) *verification {
	return &verification{kind: kind, status: "verified", strategy: strategy, attempts: 1, expire: w.now + 600_000, bare: w.odd()}
}

// doubt is a verification that was begun, failed or ran out.
func (w *World) doubt(kind, strategy string) *verification {
	v := w.proof(kind, strategy)
	v.status = one(w.r, []string{"unverified", "unverified", "failed", "expired"})
	return v
}

type email struct {
	stamp
	address  string
	proved   *verification
	linked   []object
	reserved bool
	old      bool // lacks matches_sso_connection
}

func (e *email) data() object {
	o := object{
		{"id", e.id}, {"object", "email_address"}, {"email_address", e.address}, {"reserved", e.reserved},
		{"verification", e.proved.data()}, {"linked_to", e.linked},
	}
	if !e.old {
		o.add("matches_sso_connection", false)
	}
	return append(o, field{"created_at", e.created}, field{"updated_at", e.updated})
}

// newEmail is verified, mostly by a code.
func (w *World) newEmail(address string) *email {
	e := &email{stamp: stamp{id: w.id("idn_"), created: w.now, updated: w.now}, address: address, old: w.odd()}
	e.proved = w.proof("verification_otp", "email_code")
	if w.chance(0.2) {
		e.proved = &verification{kind: "verification_ticket", status: "verified", strategy: "ticket"}
	}
	return e
}

type phone struct {
	stamp
	number      string
	proved      *verification
	second      bool // second factor
	backupCodes []string
}

func (p *phone) data() object {
	var codes any
	if p.backupCodes != nil {
		codes = p.backupCodes
	}
	return object{
		{"id", p.id}, {"object", "phone_number"}, {"phone_number", p.number},
		{"reserved_for_second_factor", p.second}, {"default_second_factor", p.second}, {"reserved", false},
		{"verification", p.proved.data()}, {"linked_to", []object{}}, {"backup_codes", codes},
		{"created_at", p.created}, {"updated_at", p.updated},
	}
}

func (w *World) newPhone() *phone {
	p := &phone{stamp: stamp{id: w.id("idn_"), created: w.now, updated: w.now}, number: w.phoneNumber()}
	p.proved = w.proof("verification_otp", "phone_code")
	if w.chance(0.1) {
		p.proved = w.doubt("verification_otp", "phone_code")
	} else if w.chance(0.1) {
		p.second, p.backupCodes = true, []string{w.id("")[:8], w.id("")[:8]}
	}
	return p
}

type wallet struct {
	stamp
	address string
	proved  *verification
}

func (x *wallet) data() object {
	return object{
		{"id", x.id}, {"object", "web3_wallet"}, {"web3_wallet", x.address}, {"verification", x.proved.data()},
		{"created_at", x.created}, {"updated_at", x.updated},
	}
}

// newWallet has an address in mixed case, which is a checksum and so must stay as it is spelled.
func (w *World) newWallet() *wallet {
	const digits = "0123456789abcdefABCDEF"
	address := []byte("0x")
	for range 40 {
		address = append(address, digits[w.r.IntN(len(digits))])
	}
	x := &wallet{stamp: stamp{id: w.id("idn_"), created: w.now, updated: w.now}, address: string(address)}
	x.proved = w.proof("verification_web3", "web3_metamask_signature")
	if w.chance(0.1) {
		x.proved = nil
	}
	return x
}

type passkey struct {
	id, name string
	used     int64
}

func (p *passkey) data() object {
	return object{
		{"id", p.id}, {"object", "passkey"}, {"name", p.name}, {"last_used_at", millis(p.used)},
		{"verification", object{{"object", "verification_passkey"}, {"status", "verified"}, {"strategy", "passkey"}, {"nonce", "nonce"},
			{"message", nil}, {"attempts", 1}, {"expire_at", nil}}},
	}
}
