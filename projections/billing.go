package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func subscriptions() Projection {
	type T = events.Subscription
	return &State[T]{
		Model: "subscriptions", Object: events.ObjectSubscription,
		Columns: []Column[T]{
			Text("status", func(s *T) string { return s.Status }),
			Text("payer_id", func(s *T) string { return s.PayerID }),
			Key("user_id", func(s *T) string { return s.Payer.UserID }),
			Key("organization_id", func(s *T) string { return s.Payer.OrganizationID }),
			Text("payment_source_id", func(s *T) string { return s.PaymentSourceID }),
			Text("latest_payment_id", func(s *T) string { return s.LatestPaymentID }),
			Moment("active_at", func(s *T) events.Time { return s.ActiveAt }),
			Moment("canceled_at", func(s *T) events.Time { return s.CanceledAt }),
			Moment("ended_at", func(s *T) events.Time { return s.EndedAt }),
			Moment("past_due_at", func(s *T) events.Time { return s.PastDueAt }),
			Moment("created_at", func(s *T) events.Time { return s.CreatedAt }),
			Moment("updated_at", func(s *T) events.Time { return s.UpdatedAt }),
		},
		Indexes: []string{`(organization_id)`, `(user_id)`},
		Tenant:  byPayer,
	}
}

func subscriptionItems() Projection {
	type T = events.SubscriptionItem
	return &State[T]{
		Model: "subscription_items", Object: events.ObjectSubscriptionItem,
		Columns: []Column[T]{
			Key("subscription_id", func(i *T) string { return i.SubscriptionID }),
			Key("user_id", func(i *T) string { return i.Payer.UserID }),
			Key("organization_id", func(i *T) string { return i.Payer.OrganizationID }),
			Text("status", func(i *T) string { return i.Status }),
			Bool("is_free_trial", func(i *T) bool { return i.IsFreeTrial }),
			Text("plan_id", func(i *T) string { return i.PlanID }),
			JSON("plan", func(i *T) events.JSON { return i.Plan }),
			Text("interval", func(i *T) string { return i.Interval }),
			Moment("period_start", func(i *T) events.Time { return i.PeriodStart }),
			Moment("period_end", func(i *T) events.Time { return i.PeriodEnd }),
			JSON("seats", func(i *T) events.JSON { return i.Seats }),
			Moment("created_at", func(i *T) events.Time { return i.CreatedAt }),
			Moment("updated_at", func(i *T) events.Time { return i.UpdatedAt }),
		},
		Indexes: []string{`(subscription_id)`, `(organization_id)`, `(user_id)`},
		Tenant:  byPayer,
	}
}

func paymentAttempts() Projection {
	type T = events.PaymentAttempt
	return &State[T]{
		Model: "payment_attempts", Object: events.ObjectPaymentAttempt,
		Columns: []Column[T]{
			Text("payment_id", func(p *T) string { return p.PaymentID }),
			Text("statement_id", func(p *T) string { return p.StatementID }),
			Text("invoice_id", func(p *T) string { return p.InvoiceID }),
			Text("gateway_external_id", func(p *T) string { return p.GatewayExternalID }),
			Text("status", func(p *T) string { return p.Status }),
			Text("charge_type", func(p *T) string { return p.ChargeType }),
			Key("user_id", func(p *T) string { return p.Payer.UserID }),
			Key("organization_id", func(p *T) string { return p.Payer.OrganizationID }),
			Moment("billing_date", func(p *T) events.Time { return p.BillingDate }),
			Moment("paid_at", func(p *T) events.Time { return p.PaidAt }),
			Moment("failed_at", func(p *T) events.Time { return p.FailedAt }),
			JSON("failed_reason", func(p *T) events.JSON { return p.FailedReason }),
			JSON("totals", func(p *T) events.JSON { return p.Totals }),
			JSON("payment_source", func(p *T) events.JSON { return p.PaymentSource }),
			JSON("payee", func(p *T) events.JSON { return p.Payee }),
			JSONArray("subscription_items", func(p *T) events.JSON { return p.SubscriptionItems }),
			Moment("created_at", func(p *T) events.Time { return p.CreatedAt }),
			Moment("updated_at", func(p *T) events.Time { return p.UpdatedAt }),
		},
		Indexes: []string{`(organization_id)`, `(user_id)`},
		Tenant:  byPayer,
	}
}
