import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The models that the README gives to users: the first block is for PostgreSQL, the second for MySQL and MariaDB. */
export function outboxModels(provider: 'postgresql' | 'mysql'): string {
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
  const blocks = [...readme.matchAll(/```prisma\n([\s\S]*?)```/g)]
  const block = blocks[provider === 'postgresql' ? 0 : 1]?.[1]
  if (block === undefined) throw new Error(`README.md has no block with the models for ${provider}`)
  return block
}

export const orderModels = `
model Order {
  id    Int    @id @default(autoincrement())
  sku   String @unique
  total Int    @default(0)
  items Item[]
}

model Item {
  id      Int    @id @default(autoincrement())
  name    String
  order   Order  @relation(fields: [orderId], references: [id])
  orderId Int
}
`

/** The business table of the conformance suite, which makes it itself. */
export const businessModel = `
model Business {
  id     String  @id
  parent String?

  @@map("business")
}
`

/** The tables of {@link orderModels}, in the connection's database. */
export const mysqlOrderTables = [
  'create table `Order` (id int auto_increment primary key, sku varchar(191) not null unique, total int not null default 0)',
  'create table `Item` (id int auto_increment primary key, name varchar(191) not null, `orderId` int not null, foreign key (`orderId`) references `Order` (id))',
] as const

/** The tables of {@link orderModels}, in the search path. */
export const orderTables = [
  'create table "Order" (id serial primary key, sku text not null unique, total int not null default 0)',
  'create table "Item" (id serial primary key, name text not null, "orderId" int not null references "Order" (id))',
] as const

/** A schema as large as a grown application's: `count` models, each related to the next one. */
export function manyModels(count: number): string {
  const model = (index: number): string => `
model M${index} {
  id        Int      @id @default(autoincrement())
  name      String   @unique
  note      String?
  amount    Decimal
  active    Boolean  @default(true)
  createdAt DateTime @default(now())
  ${index + 1 < count ? `next M${index + 1}? @relation(fields: [nextId], references: [id])\n  nextId Int?` : ''}
  ${index > 0 ? `previous M${index - 1}[]` : ''}
}
`
  return Array.from({ length: count }, (_, index) => model(index)).join('')
}
