package clerksim

// plan is something to subscribe to. Every payer starts on a default plan, which costs nothing and never ends.
type plan struct {
	id, slug, name string
	amount         int // minor units
	seats          bool
	forOrgs        bool
	free           bool
}

func (w *World) newPlans() []*plan {
	return []*plan{
		{id: w.id("cplan_"), slug: "free_org", name: "Free", forOrgs: true, free: true},
		{id: w.id("cplan_"), slug: "free_user", name: "Free", free: true},
		{id: w.id("cplan_"), slug: "team", name: "Team", amount: 4900, seats: true, forOrgs: true},
		{id: w.id("cplan_"), slug: "business", name: "Business €", amount: 14900, forOrgs: true},
		{id: w.id("cplan_"), slug: "pro", name: "Pro", amount: 900},
	}
}

func (w *World) planFor(p *payer, free bool) *plan {
	fit := make([]*plan, 0, len(w.plans))
	for _, x := range w.plans {
		if x.forOrgs == (p.org != nil) && x.free == free {
			fit = append(fit, x)
		}
	}
	return one(w.r, fit)
}

func (p *plan) data() object {
	o := object{
		{"id", p.id}, {"slug", p.slug}, {"name", p.name}, {"is_recurring", !p.free}, {"amount", p.amount}, {"currency", "USD"},
	}
	if p.seats {
		tier := func(from int, to any, price int) object {
			return object{{"starts_at_block", from}, {"ends_after_block", to}, {"amount_per_block", price}, {"currency", "USD"}}
		}
		o.add("unit_prices", []object{{
			{"name", "seats"}, {"block_size", 1}, {"tiers", []object{tier(1, 10, 0), tier(11, nil, 700)}},
		}})
	}
	return o
}

// payer is either a user or an organization; the other side is an empty string, or missing.
type payer struct {
	stamp
	user *user
	org  *organization
}

func (w *World) userPayer(u *user) *payer {
	return &payer{stamp: stamp{id: w.id("cpayer_"), created: w.now, updated: w.now}, user: u}
}

func (w *World) organizationPayer(o *organization) *payer {
	return &payer{stamp: stamp{id: w.id("cpayer_"), created: w.now, updated: w.now}, org: o}
}

func (p *payer) userID() string {
	if p.user == nil {
		return ""
	}
	return p.user.id
}

func (p *payer) organizationID() string {
	if p.org == nil {
		return ""
	}
	return p.org.id
}

func (p *payer) data(w *World) object {
	o := object{{"object", "commerce_payer"}, {"id", p.id}}
	terse := w.odd()
	add := func(key, value string) {
		if value != "" || !terse {
			o.add(key, value)
		}
	}
	add("user_id", p.userID())
	if p.user != nil {
		add("first_name", p.user.first)
		add("last_name", p.user.last)
		add("email", p.user.identifier())
	} else {
		add("first_name", "")
		add("last_name", "")
		add("email", "billing@"+p.org.id+".example")
	}
	add("organization_id", p.organizationID())
	if p.org != nil {
		add("organization_name", p.org.name)
		add("image_url", p.org.image)
	} else {
		add("organization_name", "")
		add("image_url", p.user.image)
	}
	return append(o, field{"created_at", p.created}, field{"updated_at", p.updated})
}
