import { defineConfig } from 'prisma/config'

const onMysql = process.env['DATABASE_URL']?.startsWith('mysql:')

export default defineConfig({ schema: onMysql ? 'prisma/mysql.prisma' : 'prisma/schema.prisma' })
