package events

// Payer says who pays. The side that is not used is an empty string or missing.
type Payer struct {
	ID             string `json:"id"`
	UserID         string `json:"user_id"`
	OrganizationID string `json:"organization_id"`
}

// Subscription is the data of the subscription events. Its embedded items are copies; subscriptionItem events own them.
type Subscription struct {
	ID              string `json:"id"`
	Status          string `json:"status"`
	PayerID         string `json:"payer_id"`
	Payer           Payer  `json:"payer"`
	PaymentSourceID string `json:"payment_source_id"`
	LatestPaymentID string `json:"latest_payment_id"`
	ActiveAt        Time   `json:"active_at"`
	CanceledAt      Time   `json:"canceled_at"`
	EndedAt         Time   `json:"ended_at"`
	PastDueAt       Time   `json:"past_due_at"`
	CreatedAt       Time   `json:"created_at"`
	UpdatedAt       Time   `json:"updated_at"`
}

func (s *Subscription) normalize(*Event) {
	if s.PayerID == "" {
		s.PayerID = s.Payer.ID
	}
}

// SubscriptionItem is the data of the subscriptionItem events: one plan of one subscription.
type SubscriptionItem struct {
	ID             string `json:"id"`
	SubscriptionID string `json:"subscription_id"`
	Payer          Payer  `json:"payer"`
	Status         string `json:"status"`
	IsFreeTrial    bool   `json:"is_free_trial"`
	PlanID         string `json:"plan_id"`
	Plan           JSON   `json:"plan"`
	Interval       string `json:"interval"`
	PeriodStart    Time   `json:"period_start"`
	// PeriodEnd is none for the default plan, which never ends.
	PeriodEnd Time `json:"period_end"`
	Seats     JSON `json:"seats"`
	CreatedAt Time `json:"created_at"`
	UpdatedAt Time `json:"updated_at"`
	// PlanPeriod is the API's name of Interval; reading a payload moves it there.
	PlanPeriod string `json:"plan_period"`
}

func (i *SubscriptionItem) normalize(*Event) {
	if i.Interval == "" {
		i.Interval = i.PlanPeriod
	}
}

// PaymentAttempt is the data of the paymentAttempt events.
type PaymentAttempt struct {
	ID                string `json:"id"`
	PaymentID         string `json:"payment_id"`
	StatementID       string `json:"statement_id"`
	InvoiceID         string `json:"invoice_id"`
	GatewayExternalID string `json:"gateway_external_id"`
	Status            string `json:"status"`
	ChargeType        string `json:"charge_type"`
	Payer             Payer  `json:"payer"`
	BillingDate       Time   `json:"billing_date"`
	PaidAt            Time   `json:"paid_at"`
	FailedAt          Time   `json:"failed_at"`
	FailedReason      JSON   `json:"failed_reason"`
	Totals            JSON   `json:"totals"`
	PaymentSource     JSON   `json:"payment_source"`
	Payee             JSON   `json:"payee"`
	SubscriptionItems JSON   `json:"subscription_items"`
	CreatedAt         Time   `json:"created_at"`
	UpdatedAt         Time   `json:"updated_at"`
	// Type is the name that Clerk's guides give ChargeType; reading a payload moves it there.
	Type string `json:"type"`
}

func (p *PaymentAttempt) normalize(*Event) {
	if p.ChargeType == "" {
		p.ChargeType = p.Type
	}
}
