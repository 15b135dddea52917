/** What a new workflow begins with: small, but with data that passes, a decision by a person, and a way around it. */
export const EXAMPLE_SPEC = `# A workflow: what goes in, the steps in their order, what comes out.
name: invoice-approval
title: Invoice approval
description: Checks an invoice against order and receipt, and asks a person before a large amount is paid.
tags: [finance]

# JSON Schema of the input. A run is refused when its input does not fit.
input:
  type: object
  required: [purchase_order, receipts, invoice, amount]
  properties:
    purchase_order: {type: string, title: Purchase order}
    receipts: {type: string, title: Goods receipts}
    invoice: {type: string, title: Invoice}
    amount: {type: number, title: Amount, minimum: 0}

steps:
  # Data passes by references: \${input.…}, \${steps.<id>.output.…}.
  - id: summarise
    title: Put the case together
    kind: transform
    template:
      case: "Order: \${input.purchase_order}. Receipts: \${input.receipts}. Invoice: \${input.invoice}."
      amount: \${input.amount}

  - id: size
    title: Large amount?
    kind: choice
    cases:
      - when: {path: input.amount, at_least: 10000}
        steps:
          - id: approve
            title: Approve the payment
            kind: approval
            message: "Pay \${input.amount}?"
            show: \${steps.summarise.output}
            approvers: {owner: true}
            timeout_seconds: 86400

output:
  case: \${steps.summarise.output.case}
  approved_by: \${steps.approve.output.decided_by ?? "nobody had to"}
`;
